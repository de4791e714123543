import MoedBatching
import MoedCore
import MoedEngine
import TestSupport
import Testing

/// Equal beginnings of prompts, computed once: the same results, less work, exact counts.
@Suite struct PrefixTests {
    /// Prompts of 150 to 250 tokens with the same first 100 tokens, and prompts with other beginnings or lengths.
    static func prompts() throws -> [[TokenID]] {
        let all = try SamplePrompt.all()
        let common = Array(all[40...60].flatMap(\.promptIDs).prefix(100))
        var prompts = (0..<6).map {
            common + Array(all[($0 * 3)...].flatMap(\.promptIDs).prefix(50 + $0 * 20))
        }
        prompts.append(Array(common.prefix(96)))
        prompts.append(Array(common.prefix(97)))
        prompts.append([common[1]] + common.dropFirst())
        prompts.append(Array(common.prefix(70)) + [1] + common.dropFirst(71))
        prompts.append(prompts[2])
        return prompts
    }

    static func task(_ job: Int, _ prompt: [TokenID], choices: Int = 1) -> GenerationTask {
        var sampling = SamplingParameters(temperature: 0.9, topK: 20, topP: 0.95, seed: UInt64(job) * 31)
        if job % 3 == 0 { sampling.presencePenalty = 0.5 }
        if job % 4 == 1 { sampling.repetitionPenalty = 1.1 }
        var task = GenerationTask(
            job: JobID(Int64(job)), jobClass: JobClass(model: "m", mode: .thinking, bucket: 8), prompt: prompt,
            newTokensMax: 4 + job % 3, makeTextStream: { LetterStream() })
        (task.sampling, task.choices) = (sampling, choices)
        return task
    }

    static func engine(_ kv: KVFormat = .f32, sharing: Bool = true, rows: Int = 512, kvTokens: Int = 8192)
        throws
        -> Engine
    {
        try TestEngines.make(
            try SampleModelTests.checkpoint(), kvTokens: kvTokens, rows: rows, sequences: 32, kv: kv,
            sharing: sharing)
    }

    /// The results in the order of the tasks, and the prompt tokens fed.
    static func run(_ engine: Engine, _ tasks: [GenerationTask], chunk: Int = 512) throws -> (
        results: [GenerationResult], prefilled: Int
    ) {
        var loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: chunk)
        for task in tasks { loop.submit(task, now: .zero) }
        var results: [JobID: GenerationResult] = [:]
        for tick in 0..<10_000 where !loop.isIdle {
            for case .finished(let job, let result) in loop.advance(now: .milliseconds(tick)) {
                results[job] = result
            }
        }
        #expect(engine.kvTokensFree == engine.limits.kvTokens)
        return (try tasks.map { try #require(results[$0.job]) }, loop.prefilledTokens)
    }

    static func outputs(_ results: [GenerationResult]) -> [[[TokenID]]] {
        results.map { $0.choices.map(\.outputIDs) }
    }

    @Test(arguments: KVFormat.allCases) func resultsAreTheSameOnAndOff(_ kv: KVFormat) throws {
        let tasks = try Self.prompts().enumerated().map { Self.task($0, $1) }
        let off = try Self.run(Self.engine(kv, sharing: false), tasks)
        #expect(off.results.allSatisfy { $0.usage.cachedPrompt == 0 })
        let expected = Self.outputs(off.results)
        #expect(Set(expected).count > 8, "the jobs differ")

        var random = SplitMix(seed: 73)
        for (rows, chunk) in [(512, 512), (512, 7), (40, 16), (64, 33)] {
            let engine = try Self.engine(kv, rows: rows)
            for order in [Array(tasks.indices), tasks.indices.reversed(), tasks.indices.shuffled(using: &random)] {
                let (results, prefilled) = try Self.run(engine, order.map { tasks[$0] }, chunk: chunk)
                #expect(Self.outputs(results) == order.map { expected[$0] }, "\(rows) \(chunk) \(order)")
                let cached = results.reduce(0) { $0 + $1.usage.cachedPrompt }
                #expect(cached > 0 && prefilled + cached == off.prefilled)
                for (index, result) in zip(order, results) {
                    #expect(result.usage.prompt == tasks[index].prompt.count)
                    #expect(result.usage.cachedPrompt < result.usage.prompt)
                }
            }
            #expect(try engine.prefixTokensKept(of: Self.prompts()[0]) > 0)
        }
    }

    /// Seven prompts share three whole blocks. One prompt ends with the third block and computes that block itself.
    @Test func aPrefixIsComputedOnceAmongJobsThatStartTogether() throws {
        let tasks = try Self.prompts().prefix(8).enumerated().map { Self.task($0, $1) }
        let (results, _) = try Self.run(Self.engine(), tasks)
        #expect(results.map(\.usage.cachedPrompt) == [0, 96, 96, 96, 96, 96, 64, 96])
    }

    @Test func aPrefixOutlivesItsJobs() throws {
        let prompts = try Self.prompts()
        let engine = try Self.engine()
        _ = try Self.run(engine, [Self.task(0, prompts[0])])
        let (again, prefilled) = try Self.run(engine, [Self.task(1, prompts[0]), Self.task(2, prompts[1])])
        // All blocks but the one with the last token; the common ones.
        #expect(again.map(\.usage.cachedPrompt) == [(prompts[0].count - 1) / 32 * 32, 96])
        #expect(prefilled < prompts[1].count)
    }

    @Test func choicesShareTheirPrompt() throws {
        let prompt = try Self.prompts()[5]
        let off = try Self.run(Self.engine(sharing: false), [Self.task(1, prompt, choices: 4)])
        let on = try Self.run(Self.engine(), [Self.task(1, prompt, choices: 4)])
        #expect(
            on.results == off.results, "what a job computed itself was not cached, so the counts are the same"
        )
        #expect(off.prefilled - on.prefilled == 3 * ((prompt.count - 1) / 32 * 32))
        #expect(on.results[0].choices.count == 4)
    }

    /// With little KV capacity, cached prefixes are evicted, and all admitted sequences still fit.
    @Test(arguments: [288, 320, 640]) func roomGoesToWhoRuns(_ kvTokens: Int) throws {
        let tasks = try (0..<3).flatMap { round in
            try Self.prompts().enumerated().map { Self.task($0 + round * 100, $1) }
        }
        let expected = Self.outputs(try Self.run(Self.engine(sharing: false), tasks).results)
        let engine = try Self.engine(kvTokens: kvTokens)
        #expect(Self.outputs(try Self.run(engine, tasks, chunk: 48).results) == expected)
        for prompt in try Self.prompts() { #expect(try engine.prefixTokensKept(of: prompt) <= kvTokens) }
        #expect(engine.kvTokensFree == kvTokens)
    }

    /// A sequence that waits for another one's prefix continues alone when the other one is cancelled.
    @Test func aCancelledJobLeavesNobodyWaiting() throws {
        let prompts = try Self.prompts()
        let expected = Self.outputs(
            try Self.run(Self.engine(sharing: false), [Self.task(2, prompts[1])]).results)
        for sweeps in 0..<4 {
            let engine = try Self.engine(rows: 40)
            var loop = GenerationLoop(
                engine: engine, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 20)
            loop.submit(Self.task(1, prompts[0]), now: .zero)
            loop.submit(Self.task(2, prompts[1]), now: .zero)
            for _ in 0..<sweeps { #expect(loop.advance(now: .zero).isEmpty) }
            loop.cancel(JobID(1))
            var results: [GenerationResult] = []
            for _ in 0..<100 {
                for case .finished(_, let result) in loop.advance(now: .zero) { results.append(result) }
            }
            #expect(Self.outputs(results) == expected)
        }
    }

    /// A sequence must be fed the prompt it was opened with: other sequences would share wrong tokens.
    @Test func onlyThePromptItselfIsShared() throws {
        let prompt = try Self.prompts()[0]
        let engine = try Self.engine()
        try engine.open(
            SequenceID(1), SequenceOpening(prompt: prompt, tokensMax: 300, sampling: .greedy, choice: 0))
        #expect(engine.takePrefix(SequenceID(1)) == .none)
        #expect(throws: EngineError.self) {
            try engine.sweep([
                SequenceStep(sequence: SequenceID(1), tokens: [prompt[0], 5, 6], samples: false)
            ])
        }
        _ = try engine.sweep([
            SequenceStep(sequence: SequenceID(1), tokens: Array(prompt.prefix(70)), samples: false)
        ])
        try engine.open(
            SequenceID(2), SequenceOpening(prompt: prompt, tokensMax: 300, sampling: .greedy, choice: 0))
        #expect(engine.takePrefix(SequenceID(1)) == .none)
        #expect(engine.takePrefix(SequenceID(2)) == PrefixShare(tokens: 64, isComing: true))
        engine.close(SequenceID(1))
        #expect(engine.takePrefix(SequenceID(2)) == .none)
        #expect(engine.takePrefix(SequenceID(3)) == .none, "unknown sequences have nothing")
    }
}
