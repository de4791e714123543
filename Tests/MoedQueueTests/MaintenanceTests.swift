import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct MaintenanceTests {
    @Test func onlyDeadWorkersLoseTheirJobs() async throws {
        let queue = try await Queue()
        let (dead, alive) = (try await queue.worker(), try await queue.worker())
        try await queue.add(4)
        let lost = try await queue.store.claim(dead, Queue.jobClass, limit: 2)
        let kept = try await queue.store.claim(alive, Queue.jobClass, limit: 2)
        #expect(try await queue.store.rescue() == RescueReport())
        try await queue.expire(dead)
        // A lease that ran out but was not noticed is renewed.
        #expect(try await queue.store.beat(dead, WorkerBeat(lease: Queue.lease, idle: false)))
        #expect(try await queue.store.rescue() == RescueReport())
        try await queue.expire(dead)
        #expect(try await queue.store.rescue() == RescueReport(workers: 1, requeued: 2))
        for job in lost { #expect(try await queue.state(job.id) == "queued") }
        for job in kept { #expect(try await queue.state(job.id) == "running") }
        let again = try await queue.store.claim(alive, Queue.jobClass, limit: 4)
        #expect(again.map(\.attempt) == [2, 2])
        #expect(again.map(\.crashes) == [1, 1])
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aPoisonJobRunsAloneAndEnds() async throws {
        let queue = try await Queue()
        let id = try await queue.add(1, attempts: 3)[0]
        var classes: [Int] = []
        for _ in 0..<3 {
            let worker = try await queue.worker()
            let backlog = try await queue.store.backlog(models: ["default"])
            let jobClass = try #require(backlog.first?.jobClass)
            classes.append(jobClass.bucket)
            #expect(try await queue.store.claim(worker, jobClass, limit: 1).map(\.id) == [id])
            try await queue.expire(worker)
            _ = try await queue.store.rescue()
        }
        #expect(classes == [5, 5, -1])
        let row = try #require(
            try await queue.database.query("SELECT state, error_code, error FROM moed.jobs").first)
        #expect(try row.value("state") == "failed")
        #expect(try row.value("error_code") == "worker_lost")
        #expect(try row.value("error", as: String.self).contains("3 times"))
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aCancelledJobOfADeadWorkerIsCancelled() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1)[0]
        _ = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        try await queue.database.query("SELECT moed.cancel(\(id.rawValue))")
        try await queue.expire(worker)
        #expect(try await queue.store.rescue() == RescueReport(workers: 1, cancelled: 1))
        #expect(try await queue.state(id) == "cancelled")
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func aRescueThatMeetsACompletionLetsItStand() async throws {
        let queue = try await Queue()
        for _ in 0..<25 {
            let worker = try await queue.worker()
            try await queue.add(4)
            let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
            try await queue.expire(worker)
            let other = try await Queue.store(queue.database)
            async let report = other.rescue()
            let dispositions = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
            _ = try await report
            for (job, disposition) in zip(claimed, dispositions) {
                #expect(try await queue.state(job.id) == (disposition == .committed ? "succeeded" : "queued"))
            }
            // A rescue skips rows that are being completed; the rest goes back now.
            _ = try await queue.store.rescue()
            #expect(try await queue.violations() == [])
            try await queue.database.run(script: "DELETE FROM moed.job WHERE state = 'queued'")
            await other.close()
        }
        await queue.close()
    }

    @Test func dueJobsArePromoted() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                INSERT INTO moed.jobs (prompt, run_at)
                VALUES ('later', now() + interval '1 hour'), ('soon', now() + interval '1 hour')
                """)
        #expect(try await queue.store.promote() == 0)
        try await queue.database.run(
            script: """
                UPDATE moed.job j SET run_at = now() FROM moed.job_request r
                 WHERE r.job_id = j.id AND r.body::text LIKE '%soon%'
                """)
        #expect(try await queue.store.promote() == 1)
        #expect(
            try await queue.database.value("SELECT prompt AS value FROM moed.jobs WHERE state = 'queued'")
                == "soon")
        await queue.close()
    }

    @Test func jobsForUnknownModelsFailAndAnnouncedOnesWait() async throws {
        let queue = try await Queue()
        _ = try await queue.worker(models: ["served"])
        try await queue.database.run(
            script: """
                SELECT moed.register_model('announced');
                INSERT INTO moed.jobs (prompt, model) VALUES ('a', NULL), ('b', 'served'), ('c', 'announced'), ('d', 'nobody''s');
                """)
        #expect(try await queue.store.resolveModels() == (0, 1))
        #expect(try await queue.store.resolveModels() == (0, 0))
        let rows = try await queue.database.query(
            "SELECT prompt, error_code, error FROM moed.jobs WHERE state = 'failed'")
        #expect(rows.count == 1)
        #expect(try rows[0].value("prompt") == "d")
        #expect(try rows[0].value("error_code") == "model_not_found")
        let error: String = try rows[0].value("error")
        #expect(error.contains("nobody's") && error.contains("default, served, announced"))
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func workersAreSeen() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker(models: ["m", "default"])
        let missing = try await queue.worker()
        try await queue.add(1)
        _ = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        #expect(
            try await queue.store.beat(
                worker,
                WorkerBeat(
                    lease: Queue.lease, idle: true, running: 1, tokensPerSecond: 12.5, status: "ru\0nning")))
        try await queue.expire(missing)
        let rows = try await queue.database.query("SELECT * FROM moed.workers ORDER BY id")
        #expect(try rows.map { try $0.value("state", as: String.self) } == ["busy", "missing"])
        #expect(try rows[0].value("models") == "{default,m}")
        #expect(try rows[0].value("jobs") == 1)
        #expect(try rows[0].value("tokens_per_second") == 12.5)
        #expect(try rows[0].value("status") == "ru\u{FFFD}nning")
        await queue.close()
    }
}
