import MoedBatching
import MoedCore
import TestSupport
import Testing

/// KV capacity that grows with its sequences.
struct RoomTests {
    private static let jobClass = JobClass(model: "m", mode: .nonThinking, bucket: 8)
    private static let limits = EngineLimits(
        contextLength: 512, kvTokens: 512, kvBlockTokens: 32, sequencesMax: 8, rowsPerSweepMax: 64)

    /// A planner that has seen outputs of these lengths.
    private static func planner(_ lengths: [Int] = [40, 40, 40, 40, 40, 40, 40, 40]) -> BatchPlanner {
        var planner = BatchPlanner(limits: limits, policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 32)
        for length in lengths { planner.record(outputTokens: length, of: jobClass) }
        return planner
    }

    private static func candidate(_ id: Int, prompt: Int = 24, output: Int = 0, most: Int = 400)
        -> BatchPlanner.Candidate
    {
        .init(
            sequence: SequenceID(id), jobClass: jobClass, tokens: prompt + output, outputTokens: output,
            tokensMax: prompt + most, readySince: .zero)
    }

    private static func need(_ id: Int, _ tokens: Int) -> BatchPlanner.Need {
        .init(sequence: SequenceID(id), tokens: tokens)
    }

    @Test func theUsualLengthIsReserved() {
        #expect(Self.planner([40, 40]).reservation(for: Self.candidate(0)) == 424, "too little is known")
        let planner = Self.planner()
        #expect(planner.reservation(for: Self.candidate(0)) == 64)
        #expect(planner.reservation(for: Self.candidate(0, most: 10)) == 34)
        // One that is longer than usual may become half as long again.
        #expect(planner.reservation(for: Self.candidate(0, output: 200)) == 324)
        #expect(planner.reservation(for: Self.candidate(0, output: 38)) == 24 + 38 + 32)
    }

    @Test func threeOfFourOutputsFit() {
        var lengths = OutputLengths()
        #expect(lengths.usual(of: Self.jobClass) == nil)
        for length in 1...100 { lengths.record(length, of: Self.jobClass) }
        #expect(lengths.usual(of: Self.jobClass) == 37 + 48, "of the last 64")
        #expect(lengths.usual(of: JobClass(model: "m", mode: .thinking, bucket: 8)) == nil)
    }

    @Test func theLastAdmittedGivesItsRoomUp() {
        var planner = Self.planner()
        for id in 0..<8 { planner.enqueue(Self.candidate(id)) }
        #expect(planner.started(now: .zero).count == 8)
        #expect(planner.kvTokensFree == 0)
        // The first grows by one block: the last one makes room for it and for another.
        let growth = planner.grow([Self.need(0, 65), Self.need(1, 64)])
        #expect(growth.grown == [Self.need(0, 96)])
        #expect(growth.putBack.map(\.sequence) == [SequenceID(7)])
        #expect(planner.kvTokensFree == 32 && planner.admittedCount == 7)
        #expect(planner.grow([Self.need(1, 90)]) == .init(grown: [Self.need(1, 96)]))
    }

    @Test func theOldestGoesOnAlone() {
        var planner = Self.planner()
        for id in 0..<3 { planner.enqueue(Self.candidate(id, most: 488)) }
        #expect(planner.started(now: .zero).count == 3)
        let growth = planner.grow([Self.need(0, 512), Self.need(1, 512), Self.need(2, 512)])
        #expect(growth.grown == [Self.need(0, 512)])
        #expect(growth.putBack.map(\.sequence) == [SequenceID(2), SequenceID(1)])
    }

    /// One that asked last gives itself up.
    @Test func theLastOneWaitsWhenItIsTheOneThatGrows() {
        var planner = Self.planner()
        for id in 0..<8 { planner.enqueue(Self.candidate(id)) }
        _ = planner.started(now: .zero)
        let growth = planner.grow([Self.need(7, 65)])
        #expect(growth.grown.isEmpty && growth.putBack.map(\.sequence) == [SequenceID(7)])
    }

    // MARK: Through the loop

    /// Results of jobs by id, with the loop that ran them.
    private static func run(kvTokens: Int, jobs: Int, slots: Int = 8) -> (results: [JobID: GenerationResult], loop: GenerationLoop) {
        var limits = limits
        limits.kvTokens = kvTokens
        limits.sequencesMax = slots
        var loop = GenerationLoop(
            engine: ScriptedEngine(limits: limits), policy: ClassPolicy(maxWait: .seconds(60)), prefillChunkMax: 32)
        for id in 1...jobs {
            var task = GenerationTask(
                job: JobID(Int64(id)), jobClass: jobClass, prompt: [TokenID](repeating: TokenID(id), count: 24),
                newTokensMax: 400, makeTextStream: { LetterStream() })
            task.sampling.seed = UInt64(id)
            // About one of forty tokens ends an output.
            task.stopIDs = [1, 2, 3, 4, 5]
            task.choices = 1 + id % 2
            if id % 3 == 0 { (task.reporting.answer, task.reporting.prompt) = (1, 0) }
            loop.submit(task, now: .zero)
        }
        var results: [JobID: GenerationResult] = [:]
        while !loop.isIdle {
            for outcome in loop.advance(now: .zero) {
                guard case .finished(let job, let result) = outcome else {
                    Issue.record("\(outcome)")
                    continue
                }
                results[job] = result
            }
        }
        return (results, loop)
    }

    /// Whatever is put back and fed again: the same tokens, and an exact account.
    @Test func scarcityChangesNoToken() {
        let (plenty, calm) = Self.run(kvTokens: 8 * 448, jobs: 60)
        let (scarce, busy) = Self.run(kvTokens: 512, jobs: 60)
        #expect(calm.putBacks == 0 && busy.putBacks > 0)
        #expect(plenty.count == 60 && scarce.count == 60)
        for (job, result) in plenty {
            guard let other = scarce[job] else { continue }
            #expect(other.choices == result.choices)
            #expect(other.promptLogprobs == result.promptLogprobs)
            #expect(result.usage.recomputed == 0)
            var usage = other.usage
            usage.recomputed = 0
            #expect(usage == result.usage, "tokens that are fed again are billed once")
        }
        #expect(scarce.values.reduce(0) { $0 + $1.usage.recomputed } > 0)
        #expect(busy.runningSequences == 0 && busy.generatedTokens == calm.generatedTokens)
    }

    /// Short answers under a large max_tokens run together.
    @Test func moreSequencesRunThanTheirMaximumAllows() {
        let (_, loop) = Self.run(kvTokens: 1024, jobs: 200)
        let (_, one) = Self.run(kvTokens: 1024, jobs: 200, slots: 2)
        #expect(Double(one.sweeps) > 1.5 * Double(loop.sweeps), "1024 tokens hold two sequences of 424")
    }
}
