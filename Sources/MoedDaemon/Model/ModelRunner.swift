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
        var rowsPerSweep: Int
        var prefillChunk: Int
        /// `auto`, or the name of a kernel variant.
        var cpu: String
        var maxTokensDefault: Int?
    }

    package let engine: Engine
    package let preparer: RequestPreparer
    package let summary: String

    /// Loads all weights.
    ///
    /// - Parameters:
    ///   - progress: bytes loaded so far and in all; called from the loading thread.
    /// - Throws: `EngineError` or `TextError` naming file, tensor or field, and reason.
    package static func load(
        directory: String, options: Options, progress: (Int, Int) -> Void
    ) throws -> ModelRunner {
        let text = try TextSide(directory: directory)
        let checkpoint = try Checkpoint.open(directory)
        let threads = options.threads > 0 ? options.threads : Host.physicalCores
        let model = try Qwen3Model.load(checkpoint, threads: threads, progress: progress)
        let context = checkpoint.configuration.contextLength
        let slots = min(options.slots, options.rowsPerSweep)
        let kvTokens = options.kvTokens > 0 ? options.kvTokens : max(context, slots * min(context, 2048))
        let engine = try Engine(
            model: model,
            settings: EngineSettings(
                threads: threads, kvTokens: kvTokens, sequencesMax: slots,
                rowsPerSweepMax: options.rowsPerSweep,
                vocabularyLimit: text.tokenizer.vocabularySize,
                kernels: options.cpu == "auto" ? nil : options.cpu))
        return ModelRunner(
            engine: engine,
            preparer: RequestPreparer(
                text: text, limits: engine.limits, maxTokensDefault: options.maxTokensDefault),
            summary: InspectText(checkpoint: checkpoint).oneLine)
    }
}
