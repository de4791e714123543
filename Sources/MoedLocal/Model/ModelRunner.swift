import MoedAdapters
import MoedBatching
package import MoedCore
package import MoedEngine
import MoedHost
import MoedPacks
package import MoedPreparation
import MoedText
import MoedWeights

/// Loaded model, ready to run: the engine and the preparer of its input.
package struct ModelRunner {
    /// Phase of preparing the weights.
    package enum Phase: String {
        /// Reading a checkpoint to find its pack.
        case reading
        case packing, loading
    }

    package let engine: Engine
    package let preparer: RequestPreparer
    package let summary: String
    /// See `OpenedModel.remarks`.
    package let remarks: [String]
    /// Batch size and rows per sweep of the engine.
    package let batch: BatchShape
    /// Memory plan under the budget, and `memory`, its description in words; both are nil without a budget.
    package let plan: MemoryPlan?
    package let memory: String?
    /// Adapters beside the model, which can be exchanged.
    package let adapters: AdapterLoader
    private let weights: ModelOrigin

    /// Inputs that determine the tokens beside the request.
    ///
    /// - Parameter model: served name of the model.
    package func origin(model: String) -> RunnerOrigin { weights.runner(model: model, preparer.options) }

    /// Loads all weights.
    ///
    /// - Parameter progress: called on the loading thread with the bytes done so far and in total.
    /// - Throws: `ConfigurationProblem` when the budget is too small; `EngineError` or `TextError` naming file, tensor,
    ///   blob or field, and reason.
    package static func load(
        _ options: ModelOptions, progress: (Phase, Int, Int) -> Void
    ) throws -> ModelRunner {
        let threads = options.threads > 0 ? options.threads : Host.physicalCores
        let formats = options.formats
        let opened = try OpenedModel.open(options) { source in
            guard case .checkpoint(let checkpoint) = source, let cache = options.packCache else { return source }
            let (experts, dense) = formats.formats(of: source)
            return .pack(
                try PackCache(directory: cache).pack(
                    checkpoint, experts: experts, dense: dense, threads: threads,
                    reading: { progress(.reading, $0, $1) },
                    progress: { progress(.packing, $0, $1) }))
        }
        let (text, unloaded) = (opened.text, opened.unloaded)
        let layout = try EngineLayout.chosen(
            unloaded, options, threads: threads, vocabulary: text.tokenizer.vocabularySize)
        let engine = try unloaded.engine(layout, options, threads: threads) { progress(.loading, $0, $1) }
        var preparer = RequestPreparer(
            text: text, limits: engine.limits, maxTokensDefault: options.maxTokensDefault,
            options: options.preparation)
        preparer.adapters = Set(options.adapters.map(\.name))
        let weights = try ModelOrigin(
            opened.source, unloaded, files: opened.files, formats: formats, kv: layout.settings.kvFormat)
        let plan = layout.memory?.plan
        let origin = { @Sendable (one: NamedAdapter) in
            weights.runner(model: one.name, adapter: one, options.preparation)
        }
        let served = zip(opened.adapters, engine.adapters.adapters).map {
            ServedAdapters.One(origin: origin($0), loaded: $1)
        }
        return ModelRunner(
            engine: engine, preparer: preparer,
            summary: InspectText(opened.source).oneLine, remarks: opened.remarks, batch: layout.batch,
            plan: plan, memory: layout.memory?.text,
            adapters: AdapterLoader(
                served: ServedAdapters(served, shelf: engine.adapters), configuration: opened.source.configuration,
                origin: origin, room: plan.map { $0.needs.budget - $0.total + $0.needs.adapters }),
            weights: weights)
    }
}

extension UnloadedModel {
    /// Loads the weights by the layout's memory plan, and builds the engine around them.
    ///
    /// - Parameter progress: called on the loading thread with the bytes done so far and in total.
    package func engine(
        _ layout: EngineLayout, _ options: ModelOptions, threads: Int, progress: (Int, Int) -> Void
    ) throws -> Engine {
        let model: Qwen3Model
        if layout.memory?.plan.isStreamed == true {
            model = try loadStreamed(verification: options.verification, threads: threads, progress)
        } else if options.isReadyEarly,
            let arriving = try loadArriving(
                verification: options.verification, threads: threads, progress)
        {
            model = arriving
        } else {
            model = try load(threads: threads, progress)
        }
        return try Engine(model: model, settings: layout.settings)
    }
}
