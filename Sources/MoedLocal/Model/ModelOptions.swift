package import MoedReading
package import MoedEngine
package import MoedPreparation
import MoedWeights

/// Model to run and all options of a local engine.
///
/// The daemon's settings, `moed generate`, `moed bench` and `moed plan` fill in this one value; `EngineLayout` turns
/// it into `EngineSettings`.
package struct ModelOptions: Sendable, Equatable {
    /// Directory of a checkpoint or of a pack.
    package var directory: String
    package var formats = FormatChoice.auto
    /// Adapters beside the model.
    package var adapters: [AdapterOption] = []
    /// Directory where a checkpoint is packed on first use; nil packs nothing.
    package var packCache: String?
    /// Digest checks of experts that are read while the model runs.
    package var verification = ExpertVerification.first
    /// Memory budget of the process; nil loads everything, regardless of size.
    package var budget: MemoryBudget?
    /// Number of compute threads; 0 is one per physical core.
    package var threads = 0
    /// Maximum number of running sequences; 0 chooses.
    package var sequences = 0
    /// Capacity of the KV cache in tokens, over all running sequences; 0 chooses.
    package var kvTokens = 0
    /// Format of keys and values; nil follows the format of the weights.
    package var kvFormat: KVFormat?
    /// True when common prefixes of prompts are computed once.
    package var sharesPrefixes = true
    /// Maximum number of tokens in one sweep; 0 chooses.
    package var rowsPerSweep = 0
    /// Maximum number of tokens of one prompt in one sweep; 0 chooses.
    package var prefillChunk = 0
    /// Target time of a sweep while prompts are prefilled; nil sets no limit.
    package var sweepTimeMax: Duration?
    /// Kernel variant by name: `scalar`, `avx2`, `avx512`; nil takes the fastest.
    package var kernels: String?
    /// The way to fetch weights; nil tries several at the start.
    package var fetch: FetchTuning?
    /// Maximum number of new tokens of a request that names no `max_tokens`; nil is the rest of the context.
    package var maxTokensDefault: Int?
    /// Choices for requests that leave them open.
    package var preparation = PreparationOptions()
    /// True when jobs may run while experts of a pack are still being loaded.
    package var isReadyEarly = false

    package init(directory: String) { self.directory = directory }

    /// The way to fetch weights for a word of the settings; nil for `auto` and unknown words.
    package static func fetch(named word: String?) -> FetchTuning? { word.flatMap(FetchTuning.init(rawValue:)) }

    /// Kernel variant for a word of the settings; nil for `auto`.
    package static func kernels(named word: String?) -> String? { word == "auto" ? nil : word }
}
