import MoedReading
import MoedCore
package import MoedEngine
import MoedHost
import MoedWeights

/// Sizes of an engine before anything is loaded: batch shape, settings and memory plan.
package struct EngineLayout {
    let batch: BatchShape
    package private(set) var settings: EngineSettings
    /// Memory plan under the budget; nil without a budget.
    package let memory: MemoryBudgetPlan?

    /// Chooses the sizes that the options leave open.
    ///
    /// - Throws: `ConfigurationProblem` when the budget is too small; `EngineError`.
    package static func chosen(
        _ model: UnloadedModel, _ options: ModelOptions, threads: Int, vocabulary: Int
    ) throws -> EngineLayout {
        let asked = BatchShape(
            sequences: options.sequences, rowsPerSweep: options.rowsPerSweep,
            prefillChunk: options.prefillChunk)
        func layoutOf(_ choice: BatchShape) throws -> EngineLayout {
            try EngineLayout(
                model, options, asked.filled(from: choice), threads: threads, vocabulary: vocabulary)
        }
        let first = try layoutOf(.inMemory)
        guard !asked.isComplete, let plan = first.memory?.plan, plan.isStreamed else { return first }
        let disk = try model.probeDisk()
        let rates = try MachineRates.here(threads: threads, disk: disk?.bytesPerSecond)
        let context = min(model.configuration.contextLength, contextUsual)
        let choice = try BatchShape.streamed { shape in
            let layout: EngineLayout
            // Skip shapes that exceed the budget; the default shape is already known to fit.
            do { layout = try layoutOf(shape) } catch is ConfigurationProblem { return nil }
            guard let plan = layout.memory?.plan else { return nil }
            func decoding(of tokens: Int, most: Int) -> ThroughputPlan {
                let sequences = max(1, min(most, plan.kvBlocks * Engine.kvBlockTokens / tokens))
                return ThroughputPlan(
                    model, plan, rows: sequences, visible: sequences * tokens / 2, sampled: sequences, rates)
            }
            let rows = layout.batch.rowsPerSweep
            return BatchShape.Forecast(
                decode: decoding(of: context, most: layout.batch.longSequences),
                short: decoding(of: min(context, contextShort), most: layout.batch.sequences),
                prefill: ThroughputPlan(
                    model, plan, rows: rows, visible: rows * (rows + 1) / 2, sampled: 0, rates))
        }
        var layout = try layoutOf(choice)
        layout.settings.disk = disk
        return layout
    }

    /// Checks that the sizes that the options ask for are possible, without a measurement of the machine.
    ///
    /// - Throws: the errors of `chosen`.
    static func check(
        _ model: UnloadedModel, _ options: ModelOptions, threads: Int, vocabulary: Int
    ) throws {
        let asked = BatchShape(
            sequences: options.sequences, rowsPerSweep: options.rowsPerSweep,
            prefillChunk: options.prefillChunk)
        let layout = try EngineLayout(
            model, options, asked.filled(from: .inMemory), threads: threads, vocabulary: vocabulary)
        try layout.settings.check()
    }

    /// Length in tokens of a usual sequence, for which KV capacity is planned; a shorter context wins.
    private static let contextUsual = 2048
    /// Length in tokens of a short sequence, of which many fit in the KV cache.
    private static let contextShort = 256

    private init(
        _ model: UnloadedModel, _ options: ModelOptions, _ batch: BatchShape, threads: Int,
        vocabulary: Int
    ) throws {
        self.batch = batch
        let context = model.configuration.contextLength
        let kvTokens =
            options.kvTokens > 0
            ? options.kvTokens : max(context, batch.longSequences * min(context, Self.contextUsual))
        var settings = EngineSettings(
            threads: threads, kvTokens: kvTokens, kvFormat: options.kvFormat ?? model.kvFormatDefault,
            sharesPrefixes: options.sharesPrefixes, sequencesMax: batch.sequences,
            rowsPerSweepMax: batch.rowsPerSweep,
            vocabularyLimit: vocabulary)
        settings.kernels = options.kernels
        settings.fetch = options.fetch
        memory = try options.budget.map {
            try MemoryBudgetPlan(
                model, settings, kvTokens: kvTokens, isFixed: options.kvTokens > 0,
                budget: $0.byteCount(of: HostMemory.available),
                process: HostMemory.committed)
        }
        if let plan = memory?.plan {
            settings.kvTokens = plan.kvBlocks * Engine.kvBlockTokens
            settings.expertPlaces = plan.places ?? 0
        }
        self.settings = settings
    }
}
