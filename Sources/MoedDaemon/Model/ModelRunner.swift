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
    }

    /// What is being done with the weights.
    package enum Phase: String {
        case packing, loading
    }

    package let engine: Engine
    package let preparer: RequestPreparer
    package let summary: String

    /// Loads all weights.
    ///
    /// - Parameters:
    ///   - directory: of a checkpoint or of a pack.
    ///   - progress: bytes done so far and in all; called from the loading thread.
    /// - Throws: `EngineError` or `TextError` naming file, tensor, blob or field, and reason.
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
        let model = try Qwen3Model.load(
            source, experts: formats.experts ?? .bf16, dense: formats.dense ?? .bf16, threads: threads,
            progress: { progress(.loading, $0, $1) })
        let context = source.configuration.contextLength
        let slots = min(options.slots, options.rowsPerSweep)
        let kvTokens = options.kvTokens > 0 ? options.kvTokens : max(context, slots * min(context, 2048))
        let engine = try Engine(
            model: model,
            settings: EngineSettings(
                threads: threads, kvTokens: kvTokens,
                kvFormat: options.kvFormat ?? model.kvFormatDefault,
                sharesPrefixes: options.prefixCache, sequencesMax: slots,
                rowsPerSweepMax: options.rowsPerSweep,
                vocabularyLimit: text.tokenizer.vocabularySize,
                kernels: options.cpu == "auto" ? nil : options.cpu))
        return ModelRunner(
            engine: engine,
            preparer: RequestPreparer(
                text: text, limits: engine.limits, maxTokensDefault: options.maxTokensDefault),
            summary: InspectText(source).oneLine)
    }
}
