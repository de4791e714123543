import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct OperationsTests {
    /// The number that an expression gives.
    func ask(_ queue: Queue, _ expression: String) async throws -> Int64? {
        try await queue.database.run(script: "SELECT (\(expression))::bigint AS value").first?.optional(
            "value")
    }

    @Test(arguments: ["'all'", "'model', 'default'", "'tenant', 'a'"])
    func nothingStartsWhilePaused(_ what: String) async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(1, tenant: "a")
        #expect(try await ask(queue, "moed.pause(\(what))") == 1)
        #expect(try await ask(queue, "moed.pause(\(what))") == 1, "a second pause changes nothing")
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1) == [])
        #expect(try await queue.store.backlog(models: ["default"]) == [])
        #expect(try await queue.store.remaining(models: ["default"]).isEmpty)
        #expect(try await ask(queue, "moed.resume(\(what))") == 0)
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1).count == 1)
        await queue.close()
    }

    /// `moed.pause('all')` also pauses models first named later. Pauses of single models outlast it.
    @Test func everythingIsEverything() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker(models: ["default", "later"])
        #expect(try await ask(queue, "moed.pause('model', 'default')") == 1)
        #expect(try await ask(queue, "moed.pause('all')") == 2)
        try await queue.database.run(
            script:
                "INSERT INTO moed.jobs (prompt, model, max_tokens) VALUES ('x', 'later', 1), ('x', NULL, 1)")
        let models = ["default", "later"]
        #expect(try await queue.store.backlog(models: models) == [])
        #expect(try await ask(queue, "moed.resume('all')") == 1)
        let backlog = try await queue.store.backlog(models: models)
        #expect(backlog.map(\.jobClass.model) == ["later"])
        #expect(try await queue.store.claim(worker, backlog[0].jobClass, limit: 1).count == 1)
        await queue.close()
    }

    @Test(arguments: [
        ("pause('model', 'nonesuch')", "there is no model \"nonesuch\""),
        ("pause('tenant')", "there is no tenant"),
        ("resume('queue', 'x')", "kind must be all, model or tenant"),
        ("prune(NULL)", "older_than must be a length of time"),
        ("prune('-1 day')", "older_than must be a length of time"),
    ])
    func whatCannotBeIsSaid(_ call: String, _ message: String) async throws {
        let queue = try await Queue()
        do {
            _ = try await ask(queue, "moed.\(call)")
            Issue.record("\(call) was accepted")
        } catch {
            #expect("\(error)".contains(message))
        }
        await queue.close()
    }

    @Test func pruningTakesOnlyWhatEndedLongAgoAndKeepsTheAccount() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.add(6)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 5)
        _ = try await queue.store.complete(claimed.prefix(4).map { JobCompletion($0.lease) })
        try await queue.database.query(
            "UPDATE moed.job SET finished_at = finished_at - interval '2 days' WHERE id <= \(ids[2].rawValue)"
        )
        #expect(try await queue.store.prune(olderThan: .seconds(86_400), limit: 2) == 2)
        #expect(try await queue.store.prune(olderThan: .seconds(86_400), limit: 2) == 1)
        #expect(try await queue.store.prune(olderThan: .seconds(86_400), limit: 2) == 0)
        #expect(try await ask(queue, "SELECT count(*) FROM moed.jobs") == 3)
        #expect(try await ask(queue, "SELECT count(*) FROM moed.job_request") == 3)
        #expect(try await ask(queue, "SELECT sum(jobs) FROM moed.usage_daily") == 4)
        #expect(try await queue.violations() == [])
        // The running job is untouched.
        #expect(try await queue.store.complete([JobCompletion(claimed[4].lease)]) == [.committed])
        await queue.close()
    }

    @Test func costsAreExactAndFollowThePriceOfTheirTime() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(3)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 3)
        _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        try await queue.database.run(
            script: """
                INSERT INTO moed.price VALUES ('default', '-infinity', 0.1, 0.01, 0.3),
                  ('default', now() + interval '1 day', 100, 100, 100)
                """)
        // 5 prompt tokens, 1 of them cached, 9 completion tokens a job.
        let rows = try await queue.database.query(
            "SELECT cost::text AS cost, jobs, jobs_without_price FROM moed.cost_daily")
        #expect(rows.count == 1)
        #expect(try rows[0].value("cost", as: String.self).hasPrefix("0.00000933000"))
        #expect(try rows[0].value("jobs", as: Int.self) == 3)
        #expect(try rows[0].value("jobs_without_price", as: Int.self) == 0)
        await queue.close()
    }

    @Test func healthTellsWhatWaits() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(2)
        _ = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        let row = try #require(try await queue.database.query("SELECT * FROM moed.health").first)
        #expect(try row.value("workers_alive", as: Int.self) == 1)
        #expect(try row.value("jobs_running", as: Int.self) == 1)
        #expect(try row.optional("oldest_queued_age", as: String.self) != nil)
        await queue.close()
    }
}
