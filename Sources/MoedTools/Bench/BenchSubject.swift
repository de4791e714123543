import MoedReading
import MoedCore
import MoedEngine
import MoedGrammar
import MoedHost
import MoedLocal
import MoedPreparation
import MoedText
import MoedPacks
import MoedWeights

/// The measured model: loaded from disk, or made of random weights.
struct BenchSubject {
    let name: String
    let configuration: ModelConfiguration
    /// Layers of the published model; `configuration` may have fewer.
    let fullLayers: Int
    /// Tokenizer and template; nil for random weights.
    let text: TextSide?
    /// Names of adapters; sequences take them in turn.
    let adapters: [String]
    private let unloaded: UnloadedModel
    /// The random weights; nil for a model from disk.
    private let made: Qwen3Model?
    private let options: ModelOptions
    private let threads: Int
    private let progress: (Int, Int) -> Void

    init(_ options: BenchOptions, threads: Int, show: @escaping (String) -> Void) throws {
        self.threads = threads
        self.options = options.model
        progress = { done, total in show("weights \(total > 0 ? done * 100 / total : 100) %") }
        let experts = options.model.formats.experts ?? .bf16
        let dense = options.model.formats.dense ?? .bf16
        adapters = options.model.adapters.map(\.name)
        if let shape = options.synthetic {
            guard adapters.isEmpty else {
                throw ConfigurationProblem("--adapter: random weights have none; give --model")
            }
            guard options.model.budget == nil else {
                throw ConfigurationProblem("--memory-budget: random weights are not on disk; give a pack")
            }
            let model = try Qwen3Model.synthetic(
                shape.configuration, experts: experts, dense: dense, seed: 1, threads: threads,
                progress: progress)
            made = model
            unloaded = try UnloadedModel(shape: shape.configuration, experts: experts, dense: dense)
            configuration = shape.configuration
            fullLayers = shape.fullLayers
            text = nil
            let layers = shape.configuration.layers
            let part = layers < shape.fullLayers ? ", \(layers) of \(shape.fullLayers) layers" : ""
            name =
                "\(shape.name) (random weights\(part)), experts \(experts), dense \(dense), "
                + HumanText.bytes(model.weightByteCount) + Self.kvText(options, unloaded)
        } else {
            let path = options.model.directory
            let source = try ModelDirectory.open(path)
            if case .pack(let pack) = source { try options.model.formats.check(pack) }
            text = try TextSide(directory: path)
            made = nil
            let (experts, dense) = options.model.formats.formats(of: source)
            var unloaded = try UnloadedModel(source, experts: experts, dense: dense)
            try unloaded.attach(try AdapterOption.open(options.model.adapters, for: source.configuration))
            self.unloaded = unloaded
            configuration = source.configuration
            fullLayers = configuration.layers
            let formats =
                if case .pack = source { "" } else { ", experts \(experts), dense \(dense)" }
            let changed = adapters.isEmpty ? "" : ", adapters \(adapters.joined(separator: ", "))"
            name = "\(WholeFile.name(of: path)): \(InspectText(source).oneLine)\(formats)\(changed)"
                + Self.kvText(options, unloaded)
        }
    }

    private static func kvText(_ options: BenchOptions, _ model: UnloadedModel) -> String {
        ", keys and values \(options.model.kvFormat ?? model.kvFormatDefault)"
    }

    /// Texts of the tokens, for constraints: the model's, or made ones for random weights.
    var texts: (texts: [[UInt8]], endIDs: Set<TokenID>) {
        if let text { return (text.tokenizer.plainTexts(count: vocabulary), text.endIDs) }
        return (MadeVocabulary.texts(count: vocabulary), [TokenID(max(0, vocabulary - 1))])
    }

    /// Number of token ids from which random prompts are drawn.
    var vocabulary: Int { min(text?.tokenizer.vocabularySize ?? .max, configuration.vocabulary) }

    /// Loads the model. The prefix cache is off: repetitions, and runs in another order, must do the same work.
    ///
    /// - Returns: the engine, and the memory plan as text when a budget is set.
    func engine(kvTokens: Int, sequences: Int, rows: Int) throws -> (engine: Engine, memory: String?) {
        var options = options
        options.kvTokens = kvTokens
        options.sequences = sequences
        options.rowsPerSweep = max(rows, sequences)
        options.prefillChunk = rows
        options.sharesPrefixes = false
        let layout = try EngineLayout.chosen(unloaded, options, threads: threads, vocabulary: vocabulary)
        let engine =
            try made.map { try Engine(model: $0, settings: layout.settings) }
            ?? unloaded.engine(layout, options, threads: threads, progress: progress)
        var memory = layout.memory?.text
        if let disk = engine.streaming.current.disk {
            memory = (memory.map { "\($0)\n" } ?? "") + StreamingText.disk(disk)
        }
        return (engine, memory)
    }
}
