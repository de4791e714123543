import MoedCore
import MoedEngine
import MoedPacks
import MoedWeights
import TestSupport
import Testing

/// The engine refuses invalid calls and continues to work afterwards.
@Suite struct EngineContractTests {
    let engine: Engine
    static let prompt: [TokenID] = [636, 275, 198]

    init() throws {
        engine = try TestEngines.make(
            try SampleModelTests.checkpoint(), kvTokens: 100, rows: 16, sequences: 3, vocabularyLimit: 300)
    }

    private func opening(_ tokensMax: Int, prompt: [TokenID] = []) -> SequenceOpening {
        SequenceOpening(prompt: prompt, tokensMax: tokensMax, sampling: .greedy, choice: 0)
    }

    private func error(_ body: () throws -> Void) -> EngineError.Code? {
        do { try body() } catch { return (error as? EngineError)?.code }
        return nil
    }

    private func step(_ id: Int, _ tokens: [TokenID]) -> SequenceStep {
        SequenceStep(sequence: SequenceID(id), tokens: tokens, samples: true)
    }

    @Test func limits() {
        #expect(engine.limits.kvTokens == 128 && engine.limits.kvBlockTokens == 32)
        #expect(engine.limits.contextLength == 4096 && engine.limits.rowsPerSweepMax == 16)
    }

    @Test func roomIsCountedInBlocks() throws {
        try engine.open(SequenceID(1), opening(33))
        try engine.open(SequenceID(2), opening(64))
        #expect(engine.kvTokensFree == 0)
        #expect(error { try engine.open(SequenceID(3), opening(1)) } == .outOfMemory)
        engine.close(SequenceID(1))
        engine.close(SequenceID(1))
        #expect(engine.kvTokensFree == 64)
        try engine.open(SequenceID(3), opening(1))
    }

    @Test func aReservationGrows() throws {
        try engine.open(
            SequenceID(1),
            SequenceOpening(prompt: Self.prompt, tokensMax: 96, kvTokens: 20, sampling: .greedy, choice: 0))
        #expect(engine.kvTokensFree == 96)
        let tokens = Self.prompt + [TokenID](repeating: 275, count: 13)
        _ = try engine.sweep([step(1, tokens)])
        _ = try engine.sweep([step(1, [TokenID](repeating: 198, count: 16))])
        #expect(error { _ = try engine.sweep([step(1, [198])]) } == .invalidInput, "a block holds 32 tokens")
        #expect(error { try engine.extend(SequenceID(2), to: 64) } == .invalidInput)
        try engine.extend(SequenceID(1), to: 64)
        try engine.extend(SequenceID(1), to: 40)
        #expect(engine.kvTokensFree == 64)
        try engine.open(SequenceID(2), opening(64))
        #expect(error { try engine.extend(SequenceID(1), to: 96) } == .outOfMemory)
        _ = try engine.sweep([step(1, [198])])
        engine.close(SequenceID(2))
        try engine.extend(SequenceID(1), to: 1000)
        #expect(engine.kvTokensFree == 32, "never more than the sequence may hold")
        engine.close(SequenceID(1))
        #expect(engine.kvTokensFree == 128)
    }

    @Test func refusesBadOpenings() throws {
        try engine.open(SequenceID(1), opening(1))
        #expect(error { try engine.open(SequenceID(1), opening(1)) } == .invalidInput)
        #expect(error { try engine.open(SequenceID(2), opening(0)) } == .invalidInput)
        #expect(error { try engine.open(SequenceID(2), opening(4097)) } == .invalidInput)
        #expect(error { try engine.open(SequenceID(2), opening(2, prompt: Self.prompt)) } == .invalidInput)
        #expect(error { try engine.open(SequenceID(2), opening(5, prompt: [640])) } == .invalidInput)
        try engine.open(SequenceID(2), opening(1))
        try engine.open(SequenceID(3), opening(1))
        #expect(error { try engine.open(SequenceID(4), opening(1)) } == .outOfMemory)
    }

    @Test func refusesBadStepsAndStaysUsable() throws {
        try engine.open(SequenceID(1), opening(20, prompt: Self.prompt))
        let bad: [[SequenceStep]] = [
            [step(1, [640])], [step(1, [-1])], [step(1, [.max])], [step(1, [.min])], [step(1, [])],
            [step(2, [1])], [step(1, [636, 276])], [step(1, [1]), step(1, [2])],
            [step(1, [TokenID](repeating: 1, count: 17))],
            [step(1, [TokenID](repeating: 1, count: 21))],
        ]
        for steps in bad { #expect(error { _ = try engine.sweep(steps) } == .invalidInput) }
        #expect(try engine.sweep([]) == [])
        let token = try engine.sweep([step(1, Self.prompt)])[0]
        let fresh = try TestEngines.make(
            try SampleModelTests.checkpoint(), kvTokens: 100, rows: 16, vocabularyLimit: 300)
        try fresh.open(SequenceID(9), opening(20, prompt: Self.prompt))
        #expect(try fresh.sweep([step(9, Self.prompt)])[0] == token)
    }

    @Test func idsPastTheVocabularyLimitAreNeverChosen() throws {
        // Unlimited, this prompt is answered by <think> (638).
        let prompt = try #require(try SamplePrompt.all().first).promptIDs
        let free = try TestEngines.make(try SampleModelTests.checkpoint())
        #expect(try free.generate([TestRequest(prompt: prompt, newTokens: 1)], prefillChunk: 512) == [[638]])
        for sampling in [SamplingParameters.greedy, SamplingParameters(temperature: 2, seed: 3)] {
            let request = TestRequest(prompt: prompt, newTokens: 30, sampling: sampling)
            let output = try engine.generate([request], prefillChunk: 16)[0]
            #expect(output.count == 30 && output.allSatisfy { $0 < 300 })
        }
        #expect(error { _ = try engine.score([1, 638]) } == .invalidInput)
    }

    @Test func rowsWithoutSamplesGiveNothing() throws {
        try engine.open(SequenceID(1), opening(20, prompt: Self.prompt))
        try engine.open(SequenceID(2), opening(20, prompt: Self.prompt))
        let steps = [
            SequenceStep(sequence: SequenceID(2), tokens: Self.prompt, samples: false),
            SequenceStep(sequence: SequenceID(1), tokens: Self.prompt, samples: true),
        ]
        let tokens = try engine.sweep(steps)
        #expect(tokens[0].token == nil && tokens[1].token != nil)
    }

    @Test func scoringGivesItsRoomBackAndRunsInChunks() throws {
        let prompt = Array(
            try SamplePrompt.all()[0...].flatMap { $0.promptIDs }.filter { $0 < 300 }.prefix(90))
        let before = engine.progress.value
        let scores = try engine.score(prompt, top: 2)
        #expect(scores.count == 90 && scores.last?.logprob == nil)
        #expect(scores.allSatisfy { $0.top.count == 2 && $0.top[0].logprob >= $0.top[1].logprob })
        for score in scores.dropLast() {
            let logprob = try #require(score.logprob)
            #expect(logprob <= 0 && score.top[0].logprob >= logprob)
        }
        #expect(engine.progress.value - before == 6 * 6, "six chunks through six layers")
        #expect(engine.kvTokensFree == engine.limits.kvTokens)
        #expect(try engine.score([]) == [] && (try engine.score([5])).map(\.logprob) == [nil])
        #expect(error { _ = try engine.score([5, 640]) } == .invalidInput)
        #expect(error { _ = try engine.score([5, 6], top: -1) } == .invalidInput)
        #expect(error { _ = try engine.score([TokenID](repeating: 5, count: 129)) } == .outOfMemory)
        #expect(try engine.score([5, 6], top: 1000)[0].top.count == 300)
    }

    /// The reported memory equals the computed sizes.
    @Test func memoryIsCounted() throws {
        let memory = engine.memory
        // 6 layers, 4 blocks, 2 heads, 32 tokens, keys and values of 32 f32.
        #expect(memory.keyValues == 6 * 4 * 2 * 32 * 2 * 32 * 4)
        #expect(memory.weights == engine.model.weightByteCount)
        let unloaded = try UnloadedModel(.checkpoint(SampleModelTests.checkpoint()))
        #expect(unloaded.denseByteCount + unloaded.expertByteCount == memory.weights)
        // At least a vocabulary for each of 64 rows of logits, and 16 rows of 4 experts' outputs.
        #expect(memory.activations > 64 * 640 * 4 + 16 * 4 * 128 * 4)
        for (format, bytes) in [(KVFormat.f16, 2 * 64 * 32), (.int8, 64 * 32 + 64 * 4)] {
            let other = try TestEngines.make(try SampleModelTests.checkpoint(), kvTokens: 100, kv: format)
            #expect(other.memory.keyValues == 6 * 4 * 2 * bytes)
            #expect(other.kvBytesPerToken == 6 * 2 * bytes / 32)
        }
        let wider = try TestEngines.make(try SampleModelTests.checkpoint(), kvTokens: 100, rows: 32).memory
        #expect(wider.activations > memory.activations && wider.keyValues == memory.keyValues)
        #expect(wider.total == wider.weights + wider.keyValues + wider.activations)
    }

    @Test func refusesSettingsOutOfRange() throws {
        let checkpoint = try SampleModelTests.checkpoint()
        #expect(error { _ = try TestEngines.make(checkpoint, threads: 0) } == .invalidInput)
        #expect(error { _ = try TestEngines.make(checkpoint, threads: 2000) } == .invalidInput)
        #expect(error { _ = try TestEngines.make(checkpoint, kvTokens: 0) } == .invalidInput)
        #expect(error { _ = try TestEngines.make(checkpoint, kvTokens: 1 << 36) } == .outOfMemory)
        #expect(error { _ = try TestEngines.make(checkpoint, rows: 0) } == .invalidInput)
        #expect(error { _ = try TestEngines.make(checkpoint, sequences: -1) } == .invalidInput)
        #expect(error { _ = try TestEngines.make(checkpoint, vocabularyLimit: 0) } == .invalidInput)
        #expect(error { _ = try TestEngines.make(checkpoint, kernels: "mmx") } == .invalidInput)
    }
}
