import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// `moed.why()` names the reason why a job is not running.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct WhyTests {
    private func why(_ queue: Queue, _ job: JobID) async throws -> String {
        let text: String = try #require(
            try await queue.database.value("SELECT moed.why(\(job.rawValue)) AS value"))
        return text.replacing(#/[0-9]{4}-[0-9-]+ [0-9:]+ UTC/#, with: "TIME")
    }

    private func enqueue(_ queue: Queue, _ arguments: String) async throws -> JobID {
        let rows = try await queue.database.run(
            script: "SELECT moed.enqueue(prompt => 'x', reasoning => 'non_thinking', \(arguments)) AS id")
        return JobID(try #require(rows.first).value("id"))
    }

    @Test func waitingJobsSayWhatHoldsThem() async throws {
        let queue = try await Queue()
        let job = try await enqueue(queue, "max_tokens => 1, tenant => 'a'")
        #expect(try await why(queue, JobID(99)) == "There is no job 99.")
        #expect(try await why(queue, job) == "It waits: no worker is alive.")
        let other = try await queue.worker(models: ["served"])
        #expect(try await why(queue, job) == "It waits: no live worker serves model \"default\".")
        let worker = try await queue.worker()
        let next =
            "It is number 1 of its tenant's waiting jobs of its job class (non-thinking, at most 32 tokens): "
        #expect(try await why(queue, job) == next + "the workers are busy.")
        #expect(try await queue.store.beat(worker, WorkerBeat(lease: Queue.lease, idle: true)))
        #expect(
            try await why(queue, job)
                == "It is the next of its tenant and job class (non-thinking, at most 32 tokens): "
                + "a worker with room claims it within seconds.")
        let later = try await enqueue(queue, "max_tokens => 1, tenant => 'a', priority => -1")
        _ = try await enqueue(queue, "max_tokens => 1, tenant => 'b'")
        #expect(try await why(queue, later).hasPrefix("It is number 2 of its tenant's"))

        // Several reasons are one sentence.
        try await queue.database.run(
            script: """
                SELECT moed.pause('all'), moed.pause('tenant', 'a'), moed.pause('model', 'default');
                UPDATE moed.tenant SET max_running = 1, tokens_per_day = 14 WHERE name = 'a'
                """)
        #expect(
            try await why(queue, job)
                == "It waits: everything is paused since TIME; model \"default\" is paused since TIME; "
                + "tenant \"a\" is paused since TIME.")
        try await queue.database.run(
            script: "SELECT moed.resume('all'), moed.resume('tenant', 'a'), moed.resume('model', 'default')")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        #expect(claimed.map(\.id) == [job])
        #expect(
            try await why(queue, later)
                == "It waits: tenant \"a\" has 1 running jobs, as many as its max_running allows.")
        #expect(try await why(queue, job) == "It is running: worker test/1 started attempt 1 at TIME.")
        _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        try await queue.store.foldUsage()
        #expect(
            try await why(queue, later)
                == "It waits: tenant \"a\" has used 14 of its 14 tokens of today, and its jobs start again at midnight UTC."
        )
        #expect(try await why(queue, job) == "It succeeded at TIME.")
        try await queue.store.unregister(other)
        await queue.close()
    }

    @Test func endsSchedulesAndUnknownModelsAreSaid() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let unknown = try await enqueue(queue, "model => 'nobody'")
        #expect(
            try await why(queue, unknown)
                == "It waits: no worker has ever served model \"nobody\", so a worker ends it with model_not_found."
        )
        _ = try await queue.store.resolveModels()
        #expect(
            try await why(queue, unknown).hasPrefix(
                "It failed at TIME: model_not_found: no worker has ever served model \"nobody\""))
        let scheduled = try await enqueue(queue, "run_at => now() + interval '1 hour'")
        #expect(try await why(queue, scheduled) == "It waits: it is scheduled for TIME.")
        let never = try await enqueue(queue, "run_at => 'infinity'")
        #expect(try await why(queue, never) == "It waits: it is scheduled for the end of time.")
        try await queue.database.run(
            script: "UPDATE moed.job SET run_at = now() WHERE id = \(scheduled.rawValue)")
        #expect(
            try await why(queue, scheduled)
                == "It has been due since TIME: a worker queues it within seconds.")
        let late = try await enqueue(queue, "expires_at => now() - interval '1 second'")
        #expect(
            try await why(queue, late) == "Its deadline, TIME, has passed: a worker ends it as expired.")
        try await queue.database.run(script: "SELECT moed.cancel(\(never.rawValue))")
        #expect(try await why(queue, never) == "It was cancelled at TIME.")

        let failing = try await enqueue(queue, "max_tokens => 1")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        _ = try await queue.store.fail([
            JobFailure(lease: claimed[0].lease, code: "engine_error", message: "it broke", retryable: true)
        ])
        #expect(
            try await why(queue, failing)
                == "It waits: attempt 1 failed (engine_error: it broke) and it is tried again at TIME.")
        await queue.close()
    }

    @Test func crashesCancellationsAndQuarantineAreSaid() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let job = try await enqueue(queue, "max_tokens => 1")
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1).count == 1)
        try await queue.database.run(script: "SELECT moed.cancel(\(job.rawValue))")
        #expect(
            try await why(queue, job) == "Its cancellation was requested at TIME: worker test/1 stops it.")
        try await queue.expire(worker)
        #expect(
            try await why(queue, job)
                == "The lease of worker test/1 has expired: another worker takes the job over.")
        let poison = try await enqueue(queue, "max_tokens => 1")
        try await queue.database.run(
            script: "UPDATE moed.job SET bucket = -1, crashes = 2 WHERE id = \(poison.rawValue)")
        _ = try await queue.worker()
        #expect(
            try await why(queue, poison)
                == "It waits in quarantine: 2 workers died while running it, and it runs alone once a worker has no other job."
        )
        await queue.close()
    }

    @Test func aTenantLearnsOfItsOwnJobsOnly() async throws {
        let house = try await RolesHouse()
        func ask(_ name: String, _ expression: String) async throws -> String? {
            let connection = try await house.connect(name)
            defer { Task { await connection.close() } }
            return try await connection.query(SQL(stringLiteral: "SELECT (\(expression))::text AS value"))
                .rows
                .first?.optional("value")
        }
        let job = try #require(try await ask("alice", "moed.enqueue(prompt => 'x')"))
        #expect(try await ask("alice", "moed.why(\(job))") == "It waits: no worker is alive.")
        #expect(try await ask("bob", "moed.why(\(job))") == "There is no job \(job) of yours.")
        #expect(try await ask("bob", "moed.why(99)") == "There is no job 99 of yours.")
        for name in ["olga", "rita"] {
            #expect(try await ask(name, "moed.why(\(job))") == "It waits: no worker is alive.", "\(name)")
            #expect(try await ask(name, "SELECT waiting FROM moed.progress") == "1", "\(name)")
        }
        #expect(try await ask("bob", "SELECT count(*) FROM moed.progress") == "0")
        #expect(try await ask("alice", "SELECT (tenant, waiting) FROM moed.progress") == "(a,1)")
        try await house.close()
    }
}
