import Foundation
import MoedAdapters
import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// LoRA adapters beside their base, and merged into packs, against PEFT: `Tests/Fixtures/adapters`.
@Suite struct AdapterTests {
    /// Largest difference of log-probabilities that rounding explains.
    static let tolerance = 3e-4

    private static let folder = Fixtures.packageRoot.appending(path: "Tests/Fixtures/adapters/recorded").path

    /// One line of what PEFT computed.
    private struct Expectation {
        let model: String
        let adapter: String?
        let ids: [TokenID]
        let logprobs: [Double]

        init(_ line: JSONValue) {
            model = line["model"]?.string ?? ""
            adapter = line["adapter"]?.string
            ids = (line["ids"]?.array ?? []).compactMap(\.integer).map { TokenID($0) }
            logprobs = (line["logprobs"]?.array ?? []).compactMap(\.number)
        }

        /// Largest difference to log-probabilities computed here.
        func worst(_ scores: [TokenScore]) -> Double {
            let own = scores.compactMap(\.logprob)
            guard own.count == logprobs.count, !own.isEmpty else { return .infinity }
            return zip(own, logprobs).map { abs($0 - $1) }.max() ?? .infinity
        }
    }

    private static func expectations(_ text: [UInt8]) throws -> [Expectation] {
        try text.split(separator: 10).map { Expectation(try JSONValue(parsing: Array($0))) }
    }

    private static func engine(
        _ path: String, _ adapters: [String], _ formats: TestFormats = .stored, rows: Int = 64
    ) throws -> Engine {
        let checkpoint = try Checkpoint.open(path)
        var unloaded = try UnloadedModel(.checkpoint(checkpoint), experts: formats.experts, dense: formats.dense)
        let named = try adapters.map { name in
            NamedAdapter(name: name, adapter: try Adapter.open("\(path)/\(name)", for: checkpoint.configuration))
        }
        try unloaded.attach(named)
        return try Engine(
            model: try unloaded.load(threads: 2),
            settings: EngineSettings(threads: 2, kvTokens: 2048, kvFormat: .f32, sequencesMax: 16, rowsPerSweepMax: rows))
    }

    /// Those that run beside their base, and all of them merged.
    private static func compare(_ folder: String, _ expectations: [Expectation]) throws {
        for (model, lines) in Dictionary(grouping: expectations, by: \.model) {
            let path = "\(folder)/\(model)"
            let beside = model == "dense" ? ["a", "b", "c"] : ["attention"]
            let engine = try engine(path, beside)
            for line in lines where line.adapter.map(beside.contains) ?? true {
                let worst = line.worst(try engine.score(line.ids, adapter: line.adapter))
                #expect(worst <= tolerance, "\(model) \(line.adapter ?? "alone"): \(worst)")
            }
            let checkpoint = try Checkpoint.open(path)
            for line in lines {
                guard let name = line.adapter else { continue }
                let target = try TemporaryFolder()
                let adapter = try Adapter.open("\(path)/\(name)", for: checkpoint.configuration)
                let options = Packer.Options(experts: .bf16, dense: .bf16, threads: 2, tool: "test")
                _ = try Packer(checkpoint, options, adapters: [adapter]).pack(to: target.path("pack"))
                let merged = try Qwen3Model.load(try Pack.open(target.path("pack")), threads: 2)
                let engine = try Engine(
                    model: merged,
                    settings: EngineSettings(threads: 1, kvTokens: 64, kvFormat: .f32, sequencesMax: 1, rowsPerSweepMax: 64))
                let worst = line.worst(try engine.score(line.ids))
                #expect(worst <= tolerance, "\(model) \(name) merged: \(worst)")
            }
        }
    }

    @Test func logProbabilitiesArePEFTs() throws {
        let lines = try Self.expectations(Fixtures.bytes(URL(filePath: "\(Self.folder)/expected.jsonl")))
        #expect(lines.count == 9)
        try Self.compare(Self.folder, lines)
    }

    @Test(
        .enabled(if: TestPython.complete != nil, "no PEFT: run .ci/venv, which installs it"), .timeLimit(.minutes(60)))
    func logProbabilitiesArePEFTsOfToday() async throws {
        let folder = try TemporaryFolder()
        let script = Fixtures.packageRoot.appending(path: "Tests/Fixtures/adapters/adapters.py").path
        for seed in ["20261130", "20261131"] {
            let models = folder.path(seed)
            let result = try await Command.run(
                try #require(TestPython.complete), ["-B", "-W", "ignore", script, models, "--seed", seed])
            try #require(result.status == 0, "\(result.output.suffix(2000))")
            let lines = try Self.expectations(Array(result.output.utf8).split(separator: 10).filter { $0.first == 0x7B }
                .map { Array($0) + [10] }.flatMap(\.self))
            #expect(lines.count == 9)
            try Self.compare(models, lines)
        }
    }

    // MARK: Batches

    /// Residual rows of each sequence's last token, bit by bit, after each of some sweeps.
    private func trace(_ engine: Engine, _ jobs: [(adapter: String?, prompt: [TokenID])]) throws -> [[[UInt32]]] {
        var rows = [[[UInt32]]](repeating: [], count: jobs.count)
        let hidden = engine.model.configuration.hidden
        engine.observeTrace { tensor in
            guard tensor.name == .finalNorm else { return }
            for job in jobs.indices {
                rows[job].append(tensor.values[job * hidden..<(job + 1) * hidden].map(\.bitPattern))
            }
        }
        defer { engine.observeTrace(nil) }
        for (job, (adapter, prompt)) in jobs.enumerated() {
            try engine.open(
                SequenceID(job),
                SequenceOpening(
                    prompt: prompt, tokensMax: prompt.count + 4, sampling: .greedy, choice: 0, adapter: adapter))
        }
        var steps = jobs.enumerated().map { SequenceStep(sequence: SequenceID($0), tokens: $1.prompt, samples: true) }
        for _ in 0..<4 {
            let tokens = try engine.sweep(steps)
            steps = tokens.enumerated().map { SequenceStep(sequence: SequenceID($0), tokens: [$1.token ?? 0], samples: true) }
        }
        for job in jobs.indices { engine.close(SequenceID(job)) }
        return rows
    }

    static let formats: [TestFormats] = [.stored, .int8, .int4Dense]

    /// Three adapters and the base alone in one batch: each row has the bits that it has alone.
    @Test(arguments: formats) func batchMatesLeaveNoTrace(_ formats: TestFormats) throws {
        let path = "\(Self.folder)/dense"
        let adapters: [String?] = ["a", "b", nil, "c", "b", nil, "a"]
        let jobs = adapters.enumerated().map { job, adapter in
            (adapter: adapter, prompt: (0...(3 + 2 * job)).map { TokenID(($0 * 7 + job) % 41) })
        }
        let together = try trace(try Self.engine(path, ["a", "b", "c"], formats, rows: 128), jobs)
        let alone = try jobs.map { try trace(Self.engine(path, ["c", "a", "b"], formats, rows: 128), [$0])[0] }
        #expect(together == alone)
        let plain = try trace(Self.engine(path, [], formats, rows: 128), [jobs[2], jobs[5]])
        #expect(plain == [together[2], together[5]])
        let prompts = jobs.map { (adapter: $0.adapter, prompt: jobs[0].prompt) }
        #expect(Set(try trace(Self.engine(path, ["a", "b", "c"], formats, rows: 128), prompts)).count == 4)
    }

    /// Keys and values of one adapter are of no use to another one.
    @Test func prefixesAreSharedWithinAnAdapter() throws {
        let engine = try Self.engine("\(Self.folder)/dense", ["a", "b"], rows: 128)
        let prompt = (0..<80).map { TokenID($0 * 5 % 41) }
        func taken(_ adapter: String?) throws -> Int {
            let id = SequenceID(1)
            try engine.open(
                id,
                SequenceOpening(prompt: prompt, tokensMax: 90, sampling: .greedy, choice: 0, adapter: adapter))
            defer { engine.close(id) }
            let share = engine.takePrefix(id)
            _ = try engine.sweep([SequenceStep(sequence: id, tokens: Array(prompt[share.tokens...]), samples: true)])
            return share.tokens
        }
        for adapter in [nil, "a", "b"] { #expect(try taken(adapter) == 0) }
        for adapter in [nil, "a", "b"] { #expect(try taken(adapter) == 64) }
        #expect(throws: EngineError(.invalidInput, "adapter “c” is not loaded")) { try taken("c") }
    }

    /// A sequence keeps its adapter when another set takes its place, and sequences that open get the new ones, also one of
    /// more ranks and one of an old name.
    @Test func adaptersAreExchangedBesideRunningSequences() throws {
        let path = "\(Self.folder)/dense"
        let prompt = (0..<9).map { TokenID($0 * 5 % 41) }
        let id = SequenceID(1)
        func tokens(_ engine: Engine, _ adapter: String, meanwhile: () -> Void = {}) throws -> [TokenID] {
            try engine.open(id, SequenceOpening(prompt: prompt, tokensMax: 40, sampling: .greedy, choice: 0, adapter: adapter))
            defer { engine.close(id) }
            var found: [TokenID] = []
            var next = prompt
            for step in 0..<12 {
                if step == 4 { meanwhile() }
                next = [try engine.sweep([SequenceStep(sequence: id, tokens: next, samples: true)])[0].token ?? 0]
                found += next
            }
            return found
        }
        let alone = try ["a", "b", "c"].map { try tokens(Self.engine(path, [$0]), $0) }
        #expect(Set(alone).count == 3)

        let engine = try Self.engine(path, ["a"])
        let configuration = engine.model.configuration
        let new = try [("a", "c"), ("b", "b")].map { name, files in
            try LoadedAdapter(
                NamedAdapter(name: name, adapter: Adapter.open("\(path)/\(files)", for: configuration)),
                layers: configuration.shape.layers)
        }
        let before = engine.memory.weights
        #expect(try tokens(engine, "a", meanwhile: { engine.adapters.replace(with: new) }) == alone[0])
        #expect(try tokens(engine, "a") == alone[2] && tokens(engine, "b") == alone[1])
        #expect(engine.memory.weights > before)
        engine.adapters.replace(with: [])
        #expect(throws: EngineError(.invalidInput, "adapter “a” is not loaded")) { try tokens(engine, "a") }
        // The test still holds them, in an optimised build, too.
        let held = try withExtendedLifetime(new) { try tokens(engine, new[0].key) }
        #expect(held == alone[2])
    }

    // MARK: Refusals and memory

    @Test func expertsAreChangedInPacksOnly() throws {
        for name in ["experts", "gates", "by-expert"] {
            let error = #expect(throws: EngineError.self) { try Self.engine("\(Self.folder)/sparse", [name]) }
            let text = error?.message ?? ""
            #expect(text.contains("experts") && text.contains("moed pack MODEL PACK --adapter"), "\(text)")
        }
    }

    @Test func memoryCountsAdapters() throws {
        let path = "\(Self.folder)/dense"
        let checkpoint = try Checkpoint.open(path)
        var unloaded = try UnloadedModel(.checkpoint(checkpoint))
        let settings = EngineSettings(threads: 1, kvTokens: 64, sequencesMax: 1, rowsPerSweepMax: 64)
        let before = try unloaded.memoryNeeds(settings).activations
        #expect(unloaded.adapterByteCount == 0)
        let adapter = try Adapter.open("\(path)/c", for: checkpoint.configuration)
        try unloaded.attach([NamedAdapter(name: "c", adapter: adapter)])
        #expect(unloaded.adapterByteCount >= adapter.byteCount)
        let needs = try unloaded.memoryNeeds(settings).activations
        #expect(needs > before)
        let engine = try Engine(model: try unloaded.load(threads: 1), settings: settings)
        #expect(engine.memory.activations == needs)
        #expect(engine.memory.weights == unloaded.denseByteCount + unloaded.adapterByteCount)
    }
}
