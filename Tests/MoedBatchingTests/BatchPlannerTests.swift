import MoedBatching
import MoedCore
import Testing

@Suite struct BatchPlannerTests {
    let a = JobClass(model: "m", mode: .thinking, bucket: 8)
    let b = JobClass(model: "m", mode: .nonThinking, bucket: 8)

    func planner(slots: Int = 4, kv: Int = 640, rows: Int = 16, chunk: Int = 8, maxWait: Int = 60)
        -> BatchPlanner
    {
        BatchPlanner(
            limits: EngineLimits(
                contextLength: 512, kvTokens: kv, kvBlockTokens: 32, sequencesMax: slots,
                rowsPerSweepMax: rows),
            policy: ClassPolicy(maxWait: .seconds(maxWait)), prefillChunkMax: chunk)
    }

    func candidate(_ id: Int, _ jobClass: JobClass, tokens: Int = 64, since: Int = 0) -> BatchPlanner.Candidate {
        .init(sequence: SequenceID(id), jobClass: jobClass, tokens: min(tokens, 8), tokensMax: tokens, readySince: .seconds(since))
    }

    func ids(_ numbers: Int...) -> [SequenceID] { numbers.map(SequenceID.init) }

    @Test func fillsSlotsWithOneGroupFirst() {
        var planner = planner()
        for (id, jobClass) in [(0, a), (1, b), (2, a), (3, b), (4, a)] {
            planner.enqueue(candidate(id, jobClass, since: id))
        }
        #expect(planner.started(now: .seconds(5)) == ids(0, 2, 4, 1))
        #expect(planner.waitingCount == 1)
        #expect(planner.started(now: .seconds(5)).isEmpty)
    }

    @Test func refillsAFreedSlotAtOnce() {
        var planner = planner(slots: 2)
        for id in 0..<3 { planner.enqueue(candidate(id, a)) }
        #expect(planner.started(now: .zero) == ids(0, 1))
        planner.remove(SequenceID(0))
        #expect(planner.started(now: .zero) == ids(2))
    }

    @Test func neverLeavesASlotEmptyForTheSakeOfTheGroup() {
        var planner = planner(slots: 3)
        planner.enqueue(candidate(0, a))
        planner.enqueue(candidate(1, b))
        #expect(planner.started(now: .zero).count == 2)
        #expect(planner.sequencesFree == 1)
    }

    @Test func reservesWholeBlocksAndPassesOverWhatDoesNotFit() {
        var planner = planner(kv: 160)
        planner.enqueue(candidate(0, a, tokens: 65))
        planner.enqueue(candidate(1, a, tokens: 100, since: 1))
        planner.enqueue(candidate(2, a, tokens: 64, since: 2))
        #expect(planner.started(now: .seconds(3)) == ids(0, 2))
        #expect(planner.kvTokensFree == 0)
    }

    @Test func aLargeJobIsNotOvertakenForEver() {
        var planner = planner(kv: 160)
        planner.enqueue(candidate(0, a, tokens: 64))
        _ = planner.started(now: .zero)
        planner.enqueue(candidate(1, a, tokens: 160, since: 1))
        planner.enqueue(candidate(2, a, tokens: 32, since: 2))
        planner.enqueue(candidate(3, a, tokens: 32, since: 3))
        #expect(planner.started(now: .seconds(60)) == ids(2, 3))
        planner.enqueue(candidate(4, a, tokens: 32, since: 4))
        planner.remove(SequenceID(2))
        #expect(planner.started(now: .seconds(61)).isEmpty, "the large job is overdue: nobody overtakes it")
        planner.remove(SequenceID(3))
        planner.remove(SequenceID(0))
        #expect(planner.started(now: .seconds(62)) == ids(1))
    }

    @Test func anOverdueJobOfAnotherGroupGoesNext() {
        var planner = planner(slots: 1)
        planner.enqueue(candidate(0, a))
        _ = planner.started(now: .zero)
        planner.enqueue(candidate(1, b, since: 1))
        planner.enqueue(candidate(2, a, since: 5))
        planner.remove(SequenceID(0))
        var patient = planner
        #expect(patient.started(now: .seconds(30)) == ids(2))
        #expect(planner.started(now: .seconds(61)) == ids(1))
    }

    @Test func decodingRowsComeBeforePrefill() {
        var planner = planner(slots: 4, rows: 12, chunk: 8)
        for id in 0..<4 { planner.enqueue(candidate(id, a)) }
        _ = planner.started(now: .zero)
        let pending = [0: 1, 1: 30, 2: 1, 3: 30]
        let shares = planner.shares { pending[$0.rawValue] ?? 0 }
        #expect(shares.map(\.rows) == [1, 8, 1, 2])
    }

    @Test func aJobThatNeverFitsIsKnownBefore() {
        let planner = planner(kv: 160)
        #expect(planner.canEverHold(tokens: 160))
        #expect(!planner.canEverHold(tokens: 161))
        #expect(!self.planner(kv: 10_240).canEverHold(tokens: 513))
    }
}

extension BatchPlanner {
    /// The sequences that are admitted.
    mutating func started(now: Duration) -> [SequenceID] { admit(now: now).map(\.sequence) }
}
