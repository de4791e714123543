import Foundation
import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Random schedules of everything that workers and users do, each answer compared with the state machine's.
///
/// `MOED_PROPERTY_STEPS` is the total number of steps over all seeds, `MOED_PROPERTY_SEED` the first seed.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct RandomScheduleTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seeds: [UInt64] = {
        let first = environment["MOED_PROPERTY_SEED"].flatMap { UInt64($0) } ?? 1
        return (0..<4).map { first + $0 }
    }()
    private static let steps = (environment["MOED_PROPERTY_STEPS"].flatMap { Int($0) } ?? 3000) / 4

    /// A worker with all leases it has held, current or stale.
    private struct Actor {
        var id: WorkerID
        var leases: [JobLease] = []
    }

    /// Longer than any run: leases end when the schedule says so.
    private static let lease = Duration.seconds(1_000_000)
    private static let quarantine = JobClass(
        model: "default", mode: .nonThinking, bucket: JobClass.quarantine)

    @Test(.heavy, arguments: seeds)
    func theQueueAnswersAsItsModel(seed: UInt64) async throws {
        let queue = try await Queue()
        var (random, model, actors) = (SplitMix(seed: seed), QueueModel(), [Actor]())
        for _ in 0..<3 { actors.append(Actor(id: try await queue.worker(lease: Self.lease))) }
        for step in 0..<Self.steps {
            let index = Int.random(in: 0..<actors.count, using: &random)
            let what = "seed \(seed), step \(step)"
            if Int.random(in: 0..<2, using: &random) == 0 {
                try await workerStep(queue, &model, &actors[index], &random, what)
            } else {
                try await otherStep(queue, &model, &actors[index], &random, what)
            }
            if step % 500 == 499 || step == Self.steps - 1 { try await compare(queue, model, what) }
        }
        if Self.steps > 10_000 { print("seed \(seed): \(Self.steps) steps as the model says") }
        await queue.close()
    }

    private func workerStep(
        _ queue: Queue, _ model: inout QueueModel, _ actor: inout Actor, _ random: inout SplitMix,
        _ what: String
    ) async throws {
        // Leases of long ago too: their writes are late.
        actor.leases = Array(actor.leases.suffix(60))
        let leases = actor.leases.shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random))
        switch Int.random(in: 0..<9, using: &random) {
        case 0...2:
            let isQuarantine = Int.random(in: 0..<4, using: &random) == 0
            let limit = Int.random(in: 1...8, using: &random)
            let claimable = model.claimable(actor.id, quarantine: isQuarantine)
            let claimed = try await queue.store.claim(
                actor.id, isQuarantine ? Self.quarantine : Queue.jobClass, limit: limit)
            #expect(claimed.count == min(limit, claimable.count), "\(what): claim")
            #expect(claimable.isSuperset(of: claimed.map(\.id)), "\(what): claimed what is not to be had")
            for job in claimed {
                model.claimed(job.lease, by: actor.id)
                #expect(job.attempt == model.jobs[job.id]?.attempt, "\(what): attempt")
            }
            actor.leases += claimed.map(\.lease)
        case 3, 4:
            let expected = leases.map { model.complete($0) }
            let answers = try await queue.store.complete(leases.map { JobCompletion($0) })
            #expect(answers == expected, "\(what): complete")
        case 5:
            let retryable = Bool.random(using: &random)
            let expected = leases.map { model.fail($0, retryable: retryable) }
            let answers = try await queue.store.fail(
                leases.map {
                    JobFailure(lease: $0, code: "test", message: "on purpose", retryable: retryable)
                })
            #expect(answers == expected, "\(what): fail")
        case 6:
            let expected = leases.map { model.release($0) }
            let answers = try await queue.store.release(leases.map { JobRelease(lease: $0) })
            #expect(answers == expected, "\(what): release")
        default:
            let expected = Set(leases.filter { model.goesOn($0) }.map(\.job))
            let first = Int.random(in: 0..<3, using: &random)
            let held = try await queue.store.checkpoint(
                leases.map { JobCheckpoint(lease: $0, choice: 0, firstToken: first, tokens: [1, 2]) },
                computedBy: "x")
            #expect(held == CheckpointAnswer(written: expected), "\(what): checkpoint")
        }
    }

    private func otherStep(
        _ queue: Queue, _ model: inout QueueModel, _ actor: inout Actor, _ random: inout SplitMix,
        _ what: String
    ) async throws {
        let database = queue.database
        // A job that there is, was, or will be.
        let job = JobID(
            model.jobs.keys.sorted().randomElement(using: &random).map {
                $0.rawValue + Int64.random(in: 0...1, using: &random)
            }
                ?? 1)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<20 where model.jobs.count < 300:
            let tenant = ["a", "b"].randomElement(using: &random) ?? "a"
            let ids = try await queue.add(
                Int.random(in: 1...6, using: &random), tenant: tenant,
                priority: Int.random(in: 0...1, using: &random), attempts: QueueModel.attemptsMax)
            model.added(ids, tenant: tenant)
        case 20..<40:
            let answer: String? = try await database.value("SELECT moed.cancel(\(job.rawValue)) AS value")
            #expect(answer == model.cancel(job), "\(what): cancel")
        case 40..<55:
            let answer: Bool? = try await database.value("SELECT moed.redrive(\(job.rawValue)) AS value")
            #expect(answer == model.redrive(job), "\(what): redrive")
        case 55..<65:
            try await queue.expire(actor.id)
            model.lapse(actor.id)
        case 65..<75:
            let expected = model.rescue()
            #expect(try await queue.store.rescue() == expected, "\(what): rescue")
        case 75..<85:
            let isRenewed = try await queue.store.beat(actor.id, WorkerBeat(lease: Self.lease, idle: false))
            #expect(isRenewed == model.beat(actor.id), "\(what): beat")
            // The worker registers again and still remembers the jobs of its old registration.
            if !isRenewed { actor.id = try await queue.worker(lease: Self.lease) }
        case 85..<93:
            try await database.run(
                script: "UPDATE moed.job SET run_at = created_at WHERE state = 'scheduled'")
            let expected = model.promote()
            #expect(try await queue.store.promote() == expected, "\(what): promote")
        case 93..<98:
            if Bool.random(using: &random) {
                model.isPaused.toggle()
                let name = model.isPaused ? "pause" : "resume"
                try await database.run(script: "SELECT moed.\(name)('model', 'default')")
            } else if model.jobs.values.contains(where: { $0.tenant == "a" }) {
                let isPaused = model.pausedTenants.contains("a")
                model.pausedTenants = isPaused ? [] : ["a"]
                try await database.run(script: "SELECT moed.\(isPaused ? "resume" : "pause")('tenant', 'a')")
            }
        default:
            let expected = model.prune()
            #expect(try await queue.store.prune(olderThan: .zero) == expected, "\(what): prune")
        }
    }

    /// Compares all jobs of queue and model, and checks the invariants.
    private func compare(_ queue: Queue, _ model: QueueModel, _ what: String) async throws {
        let rows = try await queue.database.query(
            """
            SELECT j.id, j.state::text, j.lease_token, j.leased_by, j.attempt, j.crashes, j.bucket = -1 AS quarantined,
                   EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id) AS asked, t.name
              FROM moed.job j JOIN moed.tenant t ON t.id = j.tenant_id
            """)
        var found: [JobID: QueueModel.Job] = [:]
        for row in rows {
            var job = QueueModel.Job(tenant: try row.value("name"))
            job.state = try row.value("state")
            job.token = try row.value("lease_token")
            job.worker = try row.optional("leased_by", as: Int64.self).map(WorkerID.init)
            job.attempt = try row.value("attempt")
            job.crashes = try row.value("crashes")
            job.isQuarantined = try row.value("quarantined")
            job.isCancelRequested = try row.value("asked")
            found[JobID(try row.value("id"))] = job
        }
        #expect(found == model.jobs, "\(what): the jobs are others than the model's")
        #expect(try await queue.violations() == [], "\(what)")
        // Nothing stays of a job that is gone.
        let orphans: Int? = try await queue.database.value(
            """
            SELECT count(*) AS value FROM (
              SELECT job_id FROM moed.job_request UNION ALL SELECT job_id FROM moed.job_attempt UNION ALL
              SELECT job_id FROM moed.job_result UNION ALL SELECT job_id FROM moed.job_checkpoint) AS r
             WHERE NOT EXISTS (SELECT FROM moed.job j WHERE j.id = r.job_id)
            """)
        #expect(orphans == 0, "\(what)")
    }
}
