import MoedReading
import MoedBatching
import MoedCore
import MoedEngine
import MoedHost
package import MoedLocal
import MoedPreparation
import MoedText

/// Commands without a database: they read a checkpoint directory and write to standard output.
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

    package static func score(_ model: ModelOptions, top: Int, traces: Bool) throws {
        var model = model
        model.sequences = 1
        let runner = try load(model)
        let models = ModelNames(model)
        let tokenizer = runner.preparer.text.tokenizer
        try LineFilter {
            try ScoreFilter.score(
                $0, engine: runner.engine, tokenizer: tokenizer, top: top, models: models, traces: traces)
        }.run()
    }

    package static func generate(
        _ model: ModelOptions, showsIDs: Bool, routingTrace: String? = nil
    ) throws {
        var model = model
        model.isReadyEarly = true
        let runner = try load(model)
        try runner.engine.recordRouting(to: routingTrace)
        let loop = GenerationLoop(
            engine: runner.engine, policy: ClassPolicy(maxWait: .seconds(60)),
            prefillChunkMax: model.prefillChunk)
        var filter = GenerateFilter(
            loop: loop, preparer: runner.preparer, models: ModelNames(model),
            sequences: model.sequences, showsIDs: showsIDs)
        try filter.run()
        if let damage = runner.engine.streaming.current.damage {
            throw EngineError(.io, damage)
        }
    }

    private static func load(_ model: ModelOptions) throws -> ModelRunner {
        Host.ignoreBrokenPipes()
        var meter = LoadMeter(isShown: Host.isTerminal(2))
        var model = model
        model.rowsPerSweep = max(512, model.sequences, model.prefillChunk)
        return try ModelRunner.load(model) { meter.show($0, done: $1, of: $2) }
    }
}

/// Shows "loading 37 %" on a terminal; silent elsewhere.
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
