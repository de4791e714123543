import MoedCore
import MoedEngine
import MoedHost
import MoedText
import MoedWeights

/// The model that is measured, loaded or made.
struct BenchSubject {
    private enum Weights {
        case made(Qwen3Model)
        case stored(UnloadedModel, budget: Int?)
    }

    let name: String
    let configuration: ModelConfiguration
    /// Layers of the published model, where only some of them were made.
    let fullLayers: Int
    /// Tokenizer and template, of a model from disk.
    let text: TextSide?
    private let weights: Weights
    private let kernels: String?
    private let threads: Int
    private let progress: (Int, Int) -> Void

    init(_ options: BenchOptions, threads: Int, show: @escaping (String) -> Void) throws {
        let cpu = Host.environment["MOED_CPU"] ?? "auto"
        kernels = cpu == "auto" ? nil : cpu
        self.threads = threads
        progress = { done, total in show("weights \(total > 0 ? done * 100 / total : 100) %") }
        let experts = options.formats.experts ?? .bf16
        let dense = options.formats.dense ?? .bf16
        switch options.source {
        case .synthetic(let shape):
            guard options.budget == nil else {
                throw ConfigurationProblem("--memory-budget: random weights are not on disk; give a pack")
            }
            let model = try Qwen3Model.synthetic(
                shape.configuration, experts: experts, dense: dense, seed: 1, threads: threads,
                progress: progress)
            weights = .made(model)
            configuration = shape.configuration
            fullLayers = shape.fullLayers
            text = nil
            let layers = shape.configuration.layers
            let part = layers < shape.fullLayers ? ", \(layers) of \(shape.fullLayers) layers" : ""
            name =
                "\(shape.name) (random weights\(part)), experts \(experts), dense \(dense), "
                + InspectText.bytes(model.weightByteCount)
        case .directory(let path):
            let source = try ModelDirectory.open(path)
            if case .pack(let pack) = source { try options.formats.check(pack) }
            text = try TextSide(directory: path)
            weights = .stored(
                try UnloadedModel(source, experts: experts, dense: dense),
                budget: options.budget?.byteCount(of: HostMemory.available))
            configuration = source.configuration
            fullLayers = configuration.layers
            let formats =
                if case .pack = source { "" } else { ", experts \(experts), dense \(dense)" }
            name = "\(Filters.lastComponent(path)): \(InspectText(source).oneLine)\(formats)"
        }
    }

    /// Ids that random prompts are made of.
    var vocabulary: Int { min(text?.tokenizer.vocabularySize ?? .max, configuration.vocabulary) }

    /// Loads the model. Equal prompts are computed each time: repetitions and runs in another order must do the same
    /// work.
    ///
    /// - Returns: the engine, and how the budget was shared out where there is one.
    func engine(kvTokens: Int, slots: Int, rows: Int) throws -> (engine: Engine, memory: String?) {
        var settings = EngineSettings(
            threads: threads, kvTokens: kvTokens, sharesPrefixes: false, sequencesMax: slots,
            rowsPerSweepMax: max(rows, slots), vocabularyLimit: vocabulary)
        settings.kernels = kernels
        var memory: String?
        let model: Qwen3Model
        switch weights {
        case .made(let made): model = made
        case .stored(let unloaded, nil): model = try unloaded.load(threads: threads, progress)
        case .stored(let unloaded, let budget?):
            settings.kvFormat = unloaded.kvFormatDefault
            let ledger = try MemoryLedger(
                unloaded, settings, kvTokens: kvTokens, isFixed: true, budget: budget,
                process: HostMemory.committed)
            memory = ledger.text
            settings.expertPlaces = ledger.plan.places ?? 0
            model =
                ledger.plan.isStreamed
                ? try unloaded.loadStreamed(threads: threads, progress)
                : try unloaded.load(threads: threads, progress)
        }
        settings.kvFormat = model.kvFormatDefault
        let engine = try Engine(model: model, settings: settings)
        if let disk = engine.streaming.current.disk {
            memory = (memory.map { "\($0)\n" } ?? "") + StreamingText.disk(disk)
        }
        return (engine, memory)
    }
}
