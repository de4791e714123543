import MoedBatching
import MoedCore
package import MoedEngine
import MoedHost
import MoedText

/// The commands without a database, from a checkpoint directory to standard output.
package enum Filters {
    package static func tokenize(directory: String, plain: Bool) throws {
        Host.ignoreBrokenPipes()
        let tokenizer = try TextSide.tokenizer(directory: directory)
        try LineFilter { try TextFilters.tokenize($0, tokenizer, plain: plain) }.run()
    }

    package static func detokenize(directory: String, skipSpecial: Bool) throws {
        Host.ignoreBrokenPipes()
        let tokenizer = try TextSide.tokenizer(directory: directory)
        try LineFilter { try TextFilters.detokenize($0, tokenizer, skipSpecial: skipSpecial) }.run()
    }

    package static func template(directory: String) throws {
        Host.ignoreBrokenPipes()
        guard let template = try TextSide.template(directory: directory) else {
            throw ConfigurationProblem("\(directory): the checkpoint has no chat template")
        }
        try LineFilter { try TextFilters.render($0, template) }.run()
    }

    package static func score(_ model: ModelSelection, top: Int) throws {
        let runner = try load(model, slots: 1, kvTokens: 0)
        let tokenizer = runner.preparer.text.tokenizer
        try LineFilter { try ScoreFilter.score($0, engine: runner.engine, tokenizer: tokenizer, top: top) }
            .run()
    }

    package static func generate(
        _ model: ModelSelection, maxBatch: Int, maxTokens: Int, kvTokens: Int, showsIDs: Bool,
        routingTrace: String? = nil
    ) throws {
        let runner = try load(
            model, slots: maxBatch, kvTokens: kvTokens, maxTokens: maxTokens == 0 ? nil : maxTokens,
            isReadyEarly: true)
        try runner.engine.recordRouting(to: routingTrace)
        let loop = GenerationLoop(
            engine: runner.engine, policy: GroupPolicy(maxWait: .seconds(60)),
            prefillChunkMax: model.prefillChunk)
        var filter = GenerateFilter(
            loop: loop, preparer: runner.preparer, modelName: lastComponent(model.directory), slots: maxBatch,
            showsIDs: showsIDs)
        try filter.run()
        if let damage = runner.engine.streaming.current.damage {
            throw EngineError(.io, damage)
        }
    }

    static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func load(
        _ model: ModelSelection, slots: Int, kvTokens: Int, maxTokens: Int? = nil, isReadyEarly: Bool = false
    ) throws -> ModelRunner {
        Host.ignoreBrokenPipes()
        var meter = LoadMeter(isShown: Host.isTerminal(2))
        return try ModelRunner.load(
            directory: model.directory,
            options: .init(
                threads: model.threads, slots: slots, kvTokens: kvTokens,
                kvFormat: model.kvFormat, prefixCache: model.prefixCache,
                rowsPerSweep: max(512, slots, model.prefillChunk),
                prefillChunk: model.prefillChunk, cpu: Host.environment["MOED_CPU"] ?? "auto",
                maxTokensDefault: maxTokens, formats: model.formats,
                budget: model.budget?.byteCount(of: HostMemory.available), isReadyEarly: isReadyEarly),
            progress: { meter.show($0, done: $1, of: $2) })
    }
}

/// Which model a filter runs, and how.
package struct ModelSelection: Sendable {
    package var directory: String
    package var threads: Int
    package var prefillChunk: Int
    package var formats: FormatChoice
    /// Nil chooses by the weights.
    package var kvFormat: KVFormat?
    package var prefixCache: Bool
    /// Nil loads everything, whatever it takes.
    package var budget: MemoryBudget?

    package static var kvWords: [String] { KVFormat.words }

    /// - Parameter kv: one of `KVFormat.words`.
    package init(
        directory: String, threads: Int, prefillChunk: Int, formats: FormatChoice, kv: String,
        prefixCache: Bool, budget: MemoryBudget? = nil
    ) {
        self.directory = directory
        self.threads = threads
        self.prefillChunk = prefillChunk
        self.formats = formats
        kvFormat = KVFormat(rawValue: kv)
        self.prefixCache = prefixCache
        self.budget = budget
    }
}

/// "loading 37 %" on a terminal; silent elsewhere.
struct LoadMeter {
    let isShown: Bool
    private var lastPercent = -1

    init(isShown: Bool) { self.isShown = isShown }

    mutating func show(_ phase: ModelRunner.Phase, done: Int, of total: Int) {
        let percent = total > 0 ? done * 100 / total : 100
        guard isShown, percent != lastPercent else { return }
        lastPercent = percent
        Host.printErrorInPlace(percent < 100 ? "\(phase.rawValue) \(percent) %" : "")
    }
}
