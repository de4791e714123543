import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Random schedules of claims, outcomes, crashes, rescues and cancellations, against the rules that hold for all.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct RandomScheduleTests {
    /// Repeatable random numbers (SplitMix64).
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    /// A worker with the leases it believes to hold, and its repeats: it may long be dead for everybody else.
    private struct Actor {
        var id: WorkerID
        var leases: [JobLease] = []
        var written: [JobLease] = []
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func everyJobEndsOnce(seed: UInt64) async throws {
        let queue = try await Queue()
        var random = Random(state: seed)
        let jobs = try await queue.add(60, attempts: 3)
        var actors: [Actor] = []
        for _ in 0..<3 { actors.append(Actor(id: try await queue.worker())) }
        var answered: Set<JobID> = []
        for _ in 0..<250 {
            let index = Int.random(in: 0..<actors.count, using: &random)
            try await step(queue, &actors[index], &answered, jobs, &random)
        }
        #expect(try await queue.violations() == [])
        try await drain(queue)
        let rows = try await queue.database.query("SELECT id, state FROM moed.job ORDER BY id")
        for row in rows {
            let state: String = try row.value("state")
            let isAnswered = answered.contains(JobID(try row.value("id")))
            #expect(["succeeded", "failed", "cancelled"].contains(state))
            #expect(!isAnswered || state == "succeeded", "an answered job was taken back")
        }
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    private func step(
        _ queue: Queue, _ actor: inout Actor, _ answered: inout Set<JobID>, _ jobs: [JobID],
        _ random: inout Random
    ) async throws {
        let mine = actor.leases.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
        actor.leases.removeAll { mine.contains($0) }
        switch Int.random(in: 0..<12, using: &random) {
        case 0...3:
            actor.leases += mine
            let groups = try await queue.store.backlog(models: ["default"])
            guard let group = groups.randomElement(using: &random)?.group else { return }
            let limit = Int.random(in: 1...6, using: &random)
            actor.leases += try await queue.store.claim(actor.id, group, limit: limit).map(\.lease)
        case 4...6:
            let outcomes = try await queue.store.complete(mine.map { JobCompletion($0) })
            for (lease, outcome) in zip(mine, outcomes) where outcome == .committed {
                #expect(answered.insert(lease.job).inserted, "a second answer")
                actor.written.append(lease)
            }
        case 7:
            let retryable = Bool.random(using: &random)
            _ = try await queue.store.fail(
                mine.map { JobFailure(lease: $0, code: "test", message: "on purpose", retryable: retryable) })
            try await queue.database.run(
                script: "UPDATE moed.job SET run_at = created_at WHERE state = 'scheduled'")
        case 8:
            _ = try await queue.store.release(mine.map { JobRelease(lease: $0) })
        case 9:
            // It falls silent; its leases stay in its mind.
            actor.leases += mine
            try await queue.expire(actor.id)
            if Bool.random(using: &random) { _ = try await queue.store.rescue() }
            if try await !queue.store.beat(actor.id, WorkerBeat(lease: .seconds(60), idle: false)) {
                actor.id = try await queue.worker()
            }
        case 10:
            actor.leases += mine
            let job = jobs[Int.random(in: 0..<jobs.count, using: &random)]
            try await queue.database.query("SELECT moed.cancel(\(job.rawValue))")
        default:
            actor.leases += mine
            _ = try await queue.store.promote()
            // A repeated write is recognised, however long ago it was.
            let repeats = try await queue.store.complete(
                actor.written.map { JobCompletion($0, content: "other") })
            #expect(repeats.allSatisfy { $0 == .already })
        }
    }

    /// One honest worker ends what is left.
    private func drain(_ queue: Queue) async throws {
        try await queue.database.run(script: "UPDATE moed.worker SET expires_at = now() - interval '1 s'")
        _ = try await queue.store.rescue()
        let worker = try await queue.worker()
        while try await !queue.store.remaining(models: ["default"]).isEmpty {
            try await queue.database.run(
                script: "UPDATE moed.job SET run_at = created_at WHERE state = 'scheduled'")
            _ = try await queue.store.promote()
            for backlog in try await queue.store.backlog(models: ["default"]) {
                let claimed = try await queue.store.claim(worker, backlog.group, limit: 100)
                _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
            }
        }
    }
}
