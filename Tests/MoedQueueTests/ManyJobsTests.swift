import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Cancelling, redriving and pruning of many jobs in one statement.
@Suite(.serialized, .enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ManyJobsTests {
    private func ask(_ queue: Queue, _ call: String) async throws -> Int? {
        try await queue.database.run(script: "SELECT moed.\(call) AS value").first?.value("value", as: Int.self)
    }

    private func states(_ queue: Queue) async throws -> String? {
        try await queue.database.value(
            """
            SELECT string_agg(tenant || ' ' || state || ' ' || jobs, ', ' ORDER BY tenant, state) AS value FROM (
              SELECT tenant, state, count(*) AS jobs FROM moed.jobs GROUP BY 1, 2) AS s
            """)
    }

    @Test func jobsAreCancelledAndRedrivenByCondition() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(5, tenant: "a")
        try await queue.add(3, tenant: "b")
        try await queue.database.run(
            script: """
                SELECT moed.register_model('m'), moed.enqueue(prompt => 'x', model => 'm', tenant => 'a'),
                       moed.enqueue(prompt => 'x', model => 'nobody', tenant => 'a'),
                       moed.enqueue(prompt => 'x', run_at => 'infinity', tenant => 'a')
                """)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 2)
        #expect(claimed.map(\.tenant) == ["a", "b"])

        #expect(try await ask(queue, "cancel_jobs(tenant => 'nobody')") == 0)
        #expect(try await ask(queue, "cancel_jobs(tenant => 'a', enqueued_before => '-infinity')") == 0)
        #expect(try await ask(queue, "cancel_jobs(model => 'm')") == 1)
        #expect(try await ask(queue, "cancel_jobs(model => 'nobody')") == 1)
        #expect(try await ask(queue, "cancel_jobs(tenant => 'a', state => 'scheduled')") == 1)
        #expect(try await states(queue) == "a queued 4, a running 1, a cancelled 3, b queued 2, b running 1")
        #expect(try await ask(queue, "cancel_jobs(tenant => 'a')") == 5)
        #expect(try await ask(queue, "cancel_jobs(tenant => 'a')") == 0, "a second request changes nothing")
        #expect(try await states(queue) == "a running 1, a cancelled 7, b queued 2, b running 1")
        #expect(try await queue.store.toBeStopped(worker) == [claimed[0].id])
        _ = try await queue.store.release(claimed.map { JobRelease(lease: $0.lease) })
        #expect(try await states(queue) == "a cancelled 8, b queued 3")

        #expect(try await ask(queue, "redrive_jobs(tenant => 'b')") == 0)
        #expect(try await ask(queue, "redrive_jobs(tenant => 'a', state => 'failed')") == 0)
        #expect(try await ask(queue, "redrive_jobs(model => 'm')") == 1)
        #expect(try await ask(queue, "redrive_jobs(enqueued_before => now())") == 7)
        #expect(try await queue.store.toBeStopped(worker) == [], "old requests are forgotten")
        let again = try await queue.store.claim(worker, Queue.jobClass, limit: 2)
        _ = try await queue.store.fail(
            again.enumerated().map { index, job in
                JobFailure(lease: job.lease, code: index == 0 ? "engine_error" : "invalid_value", message: "m", retryable: false)
            })
        #expect(try await ask(queue, "redrive_jobs(error_code => 'engine_error')") == 1)
        #expect(
            try await queue.database.value("SELECT count(*) AS value FROM moed.job_result") == 1)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test(arguments: [
        ("cancel_jobs()", "give a batch, a model, a tenant, an error_code or enqueued_before"),
        ("redrive_jobs(state => 'failed')", "give a batch, a model, a tenant, an error_code or enqueued_before"),
        ("cancel_jobs(tenant => 'a', state => 'failed')", "state must be queued, scheduled or running, not \"…\""),
        ("redrive_jobs(tenant => 'a', state => 'queued')", "state must be failed or cancelled, not \"…\""),
    ])
    func conditionsMustBeGiven(call: String, message: String) async throws {
        let queue = try await Queue()
        let error = await #expect(throws: DatabaseError.self) { _ = try await ask(queue, call) }
        #expect(error?.message == message)
        await queue.close()
    }

    /// A tenant's call reaches its own jobs only, and locked rows hold nobody up.
    @Test func aTenantCancelsItsOwn() async throws {
        let house = try await RolesHouse()
        let (alice, bob) = (try await house.connect("alice"), try await house.connect("bob"))
        for client in [alice, bob] {
            try await client.run(script: "INSERT INTO moed.jobs (prompt) SELECT 'x' FROM generate_series(1, 3)")
        }
        try await house.queue.database.run(script: "BEGIN; SELECT FROM moed.job WHERE id = 1 FOR UPDATE")
        let cancel: SQL = "SELECT moed.cancel_jobs(enqueued_before => now()) AS value"
        let cancelled: Int? = try await alice.query(cancel).rows.first?.value("value")
        #expect(cancelled == 3)
        try await house.queue.database.run(script: "ROLLBACK")
        #expect(try await house.queue.state(JobID(1)) == "queued")
        #expect(try await house.queue.state(JobID(2)) == "cancelled")
        #expect(try await house.refusal("alice", "SELECT moed.cancel_jobs(tenant => 'b')") == RolesHouse.denied)
        #expect(try await house.refusal("alice", "SELECT moed.redrive_jobs(tenant => 'a')") == RolesHouse.denied)
        #expect(try await house.queue.state(JobID(4)) == "queued")
        await alice.close()
        await bob.close()
        try await house.close()
    }

    @Test func aBatchIsCancelledInOneStatement() async throws {
        let queue = try await Queue()
        let text = (1...2000).map { BatchTests.line("c\($0)") }.joined(separator: "\n")
        try await queue.database.query("SELECT moed.import_batch('b', \(text))")
        try await queue.add(1)
        #expect(try await queue.database.value("SELECT moed.cancel_batch(id) AS value FROM moed.batch") == 2000)
        #expect(try await states(queue) == "default queued 1, default cancelled 2000")
        let batch: String? = try await queue.database.value("SELECT id::text AS value FROM moed.batch")
        #expect(try await ask(queue, "redrive_jobs(batch => '\(batch ?? "")')") == 2000)
        #expect(try await ask(queue, "cancel_jobs(batch => '\(batch ?? "")', state => 'queued')") == 2000)
        await queue.close()
    }

    /// Batches and workers go after their jobs; a batch with a job stays whole.
    @Test func remainsArePruned() async throws {
        let queue = try await Queue()
        let (old, _) = (try await queue.worker(), try await queue.worker())
        for name in ["gone", "kept"] {
            try await queue.database.query("SELECT moed.import_batch(\(name), \(BatchTests.line("c")))")
        }
        try await queue.store.unregister(old)
        try await queue.database.run(
            script: """
                SELECT moed.cancel_batch(id) FROM moed.batch WHERE name = 'gone';
                UPDATE moed.batch SET created_at = now() - interval '3 days';
                UPDATE moed.worker SET stopped_at = now() - interval '3 days' WHERE stopped_at IS NOT NULL;
                UPDATE moed.job SET finished_at = now() - interval '2 days' WHERE finished_at IS NOT NULL
                """)
        func left() async throws -> String? {
            try await queue.database.value(
                """
                SELECT concat_ws(' ', (SELECT string_agg(name, ',' ORDER BY name) FROM moed.batch), (SELECT count(*) FROM moed.batch_line),
                                 (SELECT count(*) FROM moed.worker), (SELECT count(*) FROM moed.job)) AS value
                """)
        }
        #expect(try await queue.store.prune(olderThan: .seconds(86_400)) == 1)
        #expect(try await left() == "gone,kept 2 1 1")
        #expect(try await queue.store.prune(olderThan: .seconds(86_400)) == 0)
        #expect(try await left() == "kept 1 1 1")
        #expect(try await queue.violations() == [])
        await queue.close()
    }
}
