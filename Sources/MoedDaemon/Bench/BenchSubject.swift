import MoedCore
import MoedEngine
import MoedText
import MoedWeights

/// The model that is measured, loaded or made.
struct BenchSubject {
    let model: Qwen3Model
    let name: String
    /// Layers of the published model, where only some of them were made.
    let fullLayers: Int
    /// Tokenizer and template, of a model from disk.
    let text: TextSide?
    private let kernels: String?

    init(_ options: BenchOptions, threads: Int, show: @escaping (String) -> Void) throws {
        let cpu = Host.environment["MOED_CPU"] ?? "auto"
        kernels = cpu == "auto" ? nil : cpu
        let progress = { (done: Int, total: Int) in
            show("weights \(total > 0 ? done * 100 / total : 100) %")
        }
        let experts = options.formats.experts ?? .bf16
        let dense = options.formats.dense ?? .bf16
        switch options.source {
        case .synthetic(let shape):
            model = try Qwen3Model.synthetic(
                shape.configuration, experts: experts, dense: dense, seed: 1, threads: threads,
                progress: progress)
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
            model = try Qwen3Model.load(
                source, experts: experts, dense: dense, threads: threads, progress: progress)
            fullLayers = model.configuration.layers
            let formats =
                if case .pack = source { "" } else { ", experts \(experts), dense \(dense)" }
            name = "\(Filters.lastComponent(path)): \(InspectText(source).oneLine)\(formats)"
        }
    }

    /// Ids that random prompts are made of.
    var vocabulary: Int {
        min(text?.tokenizer.vocabularySize ?? .max, model.configuration.vocabulary)
    }

    /// Equal prompts are computed each time: repetitions and runs in another order must do the same work.
    func engine(threads: Int, kvTokens: Int, slots: Int, rows: Int) throws(EngineError) -> Engine {
        try Engine(
            model: model,
            settings: EngineSettings(
                threads: threads, kvTokens: kvTokens, kvFormat: model.kvFormatDefault, sharesPrefixes: false,
                sequencesMax: slots, rowsPerSweepMax: max(rows, slots), vocabularyLimit: vocabulary,
                kernels: kernels))
    }
}
