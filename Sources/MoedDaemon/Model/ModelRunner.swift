import MoedBatching
package import MoedEngine
import MoedText
import MoedWeights

/// A checkpoint in memory, ready to run: the engine and everything that prepares its input.
package struct ModelRunner {
    package struct Options: Sendable {
        var threads: Int
        var slots: Int
        /// 0 chooses.
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
    /// How the budget was shared out; nil without one.
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
        let context = source.configuration.contextLength
        let slots = min(options.slots, options.rowsPerSweep)
        let kvTokens = options.kvTokens > 0 ? options.kvTokens : max(context, slots * min(context, 2048))
        var settings = EngineSettings(
            threads: threads, kvTokens: kvTokens, kvFormat: options.kvFormat ?? unloaded.kvFormatDefault,
            sharesPrefixes: options.prefixCache, sequencesMax: slots, rowsPerSweepMax: options.rowsPerSweep,
            vocabularyLimit: text.tokenizer.vocabularySize,
            kernels: options.cpu == "auto" ? nil : options.cpu)
        let ledger = try options.budget.map {
            try MemoryLedger(
                unloaded, settings, kvTokens: kvTokens, isFixed: options.kvTokens > 0, budget: $0,
                process: HostMemory.resident)
        }
        if let plan = ledger?.plan {
            settings.kvTokens = plan.kvBlocks * (try unloaded.memoryNeeds(settings).kvBlockTokens)
            settings.expertSlots = plan.slots ?? 0
        }
        let show = { progress(.loading, $0, $1) }
        let model: Qwen3Model
        if ledger?.plan.isStreamed == true {
            model = try unloaded.loadStreamed(verification: options.verification, threads: threads, show)
        } else if options.isReadyEarly,
            let arriving = try unloaded.loadArriving(
                verification: options.verification, threads: threads, show)
        {
            model = arriving
        } else {
            model = try unloaded.load(threads: threads, show)
        }
        let engine = try Engine(model: model, settings: settings)
        return ModelRunner(
            engine: engine,
            preparer: RequestPreparer(
                text: text, limits: engine.limits, maxTokensDefault: options.maxTokensDefault),
            summary: InspectText(source).oneLine, memory: ledger?.text)
    }
}
