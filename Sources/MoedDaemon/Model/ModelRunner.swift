import MoedBatching
package import MoedEngine
import MoedHost
import MoedText
import MoedWeights

/// A checkpoint in memory, ready to run: the engine and everything that prepares its input.
package struct ModelRunner {
    package struct Options: Sendable {
        var threads: Int
        /// 0 chooses, here and below.
        var slots: Int
        var kvTokens: Int
        /// Nil takes the model's default.
        var kvFormat: KVFormat?
        var prefixCache = true
        var rowsPerSweep: Int
        var prefillChunk: Int
        /// `auto`, or the name of a kernel variant.
        var cpu: String
        var maxTokensDefault: Int?
        var formats = FormatChoice.auto
        /// Where a checkpoint is packed on first use; nil packs nothing.
        var packCache: String?
        /// Bytes that the process may have; nil loads everything, whatever it takes.
        var budget: Int?
        /// Of experts that are read while the model runs.
        var verification = ExpertVerification.first
        /// Whether a pack's experts may come into memory while the first jobs run already.
        var isReadyEarly = false
    }

    /// What is being done with the weights.
    package enum Phase: String {
        case packing, loading
    }

    package let engine: Engine
    package let preparer: RequestPreparer
    package let summary: String
    /// How much runs together.
    let batch: BatchShape
    /// How the budget was shared out, and that in words; nil without one.
    let plan: MemoryPlan?
    package let memory: String?

    /// Loads all weights.
    ///
    /// - Parameters:
    ///   - directory: of a checkpoint or of a pack.
    ///   - progress: bytes done so far and in all; called from the loading thread.
    /// - Throws: `ConfigurationProblem` when the budget is too small; `EngineError` or `TextError` naming file, tensor,
    ///   blob or field, and reason.
    package static func load(
        directory: String, options: Options, progress: (Phase, Int, Int) -> Void
    ) throws -> ModelRunner {
        let text = try TextSide(directory: directory)
        let threads = options.threads > 0 ? options.threads : Host.physicalCores
        let formats = options.formats
        var source = try ModelDirectory.open(directory)
        if case .checkpoint(let checkpoint) = source, let cache = options.packCache {
            source = .pack(
                try PackCache(directory: cache).pack(
                    checkpoint, experts: formats.experts ?? .bf16, dense: formats.dense ?? .bf16,
                    threads: threads, progress: { progress(.packing, $0, $1) }))
        }
        if case .pack(let pack) = source { try formats.check(pack) }
        let unloaded = try UnloadedModel(
            source, experts: formats.experts ?? .bf16, dense: formats.dense ?? .bf16)
        let layout = try EngineLayout.chosen(
            unloaded, options, threads: threads, vocabulary: text.tokenizer.vocabularySize)
        let plan = layout.ledger?.plan
        let show = { progress(.loading, $0, $1) }
        let model: Qwen3Model
        if plan?.isStreamed == true {
            model = try unloaded.loadStreamed(verification: options.verification, threads: threads, show)
        } else if options.isReadyEarly,
            let arriving = try unloaded.loadArriving(
                verification: options.verification, threads: threads, show)
        {
            model = arriving
        } else {
            model = try unloaded.load(threads: threads, show)
        }
        let engine = try Engine(model: model, settings: layout.settings)
        return ModelRunner(
            engine: engine,
            preparer: RequestPreparer(
                text: text, limits: engine.limits, maxTokensDefault: options.maxTokensDefault),
            summary: InspectText(source).oneLine, batch: layout.batch, plan: plan, memory: layout.ledger?.text
        )
    }
}
