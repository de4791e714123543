import MoedBatching
import MoedCore
import MoedEngine
import MoedText
import MoedWeights

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

    package static func score(directory: String, threads: Int, prefillChunk: Int, top: Int) throws {
        let runner = try load(directory, threads: threads, slots: 1, kvTokens: 0, prefillChunk: prefillChunk)
        let tokenizer = runner.preparer.text.tokenizer
        try LineFilter { try ScoreFilter.score($0, engine: runner.engine, tokenizer: tokenizer, top: top) }
            .run()
    }

    package static func generate(
        directory: String, threads: Int, prefillChunk: Int, maxBatch: Int, maxTokens: Int, kvTokens: Int,
        showsIDs: Bool
    ) throws {
        let runner = try load(
            directory, threads: threads, slots: maxBatch, kvTokens: kvTokens, prefillChunk: prefillChunk,
            maxTokens: maxTokens == 0 ? nil : maxTokens)
        let loop = GenerationLoop(
            engine: runner.engine, policy: GroupPolicy(maxWait: .seconds(60)), prefillChunkMax: prefillChunk)
        var filter = GenerateFilter(
            loop: loop, preparer: runner.preparer, modelName: lastComponent(directory), slots: maxBatch,
            showsIDs: showsIDs)
        try filter.run()
    }

    package static func inspect(directory: String) throws {
        Host.ignoreBrokenPipes()
        let checkpoint = try Checkpoint.open(directory)
        let text = try TextSide(directory: directory)
        let rows =
            InspectText(checkpoint: checkpoint).rows + [
                ("tokenizer", "\(text.tokenizer.vocabularySize) tokens"), ("thinking", text.kind.rawValue),
            ]
        for (label, value) in rows {
            print(label + String(repeating: " ", count: max(1, 18 - label.count)) + value)
        }
    }

    static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func load(
        _ directory: String, threads: Int, slots: Int, kvTokens: Int, prefillChunk: Int, maxTokens: Int? = nil
    ) throws -> ModelRunner {
        Host.ignoreBrokenPipes()
        var meter = LoadMeter(isShown: Host.isTerminal(2))
        return try ModelRunner.load(
            directory: directory,
            options: .init(
                threads: threads, slots: slots, kvTokens: kvTokens,
                rowsPerSweep: max(512, slots, prefillChunk),
                prefillChunk: prefillChunk, cpu: Host.environment["MOED_CPU"] ?? "auto",
                maxTokensDefault: maxTokens),
            progress: { meter.show(loaded: $0, of: $1) })
    }
}

/// "Loading 37 %" on a terminal; silent elsewhere.
struct LoadMeter {
    let isShown: Bool
    private var lastPercent = -1

    init(isShown: Bool) { self.isShown = isShown }

    mutating func show(loaded: Int, of total: Int) {
        let percent = total > 0 ? loaded * 100 / total : 100
        guard isShown, percent != lastPercent else { return }
        lastPercent = percent
        Host.printErrorInPlace(percent < 100 ? "loading \(percent) %" : "")
    }
}
