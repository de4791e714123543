package import MoedEngine
import MoedWeights

/// Which model runs, and how: the whole configuration of a local engine.
///
/// The daemon's settings, `moed generate`, `moed bench` and `moed plan` fill in this one value; `EngineLayout` turns
/// it into `EngineSettings`.
package struct ModelOptions: Sendable, Equatable {
    /// Directory of a checkpoint or of a pack.
    package var directory: String
    package var formats = FormatChoice.auto
    /// Directory where a checkpoint is packed on first use; nil packs nothing.
    package var packCache: String?
    /// Digest checks of experts that are read while the model runs.
    package var verification = ExpertVerification.first
    /// Memory of the process; nil loads everything, whatever it takes.
    package var budget: MemoryBudget?
    /// Compute threads; 0 is one per physical core.
    package var threads = 0
    /// Running sequences at most; 0 chooses.
    package var sequences = 0
    /// KV cache in tokens over all sequences; 0 chooses.
    package var kvTokens = 0
    /// Format of keys and values; nil chooses by the weights.
    package var kvFormat: KVFormat?
    /// Equal beginnings of prompts are computed once.
    package var sharesPrefixes = true
    /// Tokens in one sweep at most; 0 chooses.
    package var rowsPerSweep = 0
    /// Tokens of one prompt in one sweep at most; 0 chooses.
    package var prefillChunk = 0
    /// Target time of a sweep while prompts are prefilled; nil sets no limit.
    package var sweepTimeMax: Duration?
    /// Kernel variant by name: `scalar`, `avx2`, `avx512`; nil takes the fastest.
    package var kernels: String?
    /// New tokens of a request that names no `max_tokens`; nil is the rest of the context.
    package var maxTokensDefault: Int?
    /// Jobs may run while experts of a pack are still being loaded.
    package var isReadyEarly = false

    package init(directory: String) { self.directory = directory }

    /// Kernel variant of a word: nil for `auto`.
    package static func kernels(named word: String?) -> String? { word == "auto" ? nil : word }
}
