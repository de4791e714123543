import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// `moed.health` and `moed.progress`, for the roles that watch a queue.
@Suite(.serialized, .enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct HealthTests {
    @Test(arguments: ["olga", "rita"])
    func watchersSeeWhatHoldsVacuumBack(name: String) async throws {
        let house = try await RolesHouse()
        let watcher = try await house.connect(name)
        func value(_ column: String) async throws -> String? {
            try await watcher.query(SQL(stringLiteral: "SELECT (\(column))::text AS value FROM moed.health"))
                .rows
                .first?.optional("value")
        }
        let holder = try await house.connect("alice")
        try await holder.run(script: "BEGIN; SELECT count(*) FROM moed.jobs; SELECT pg_sleep(0.01)")
        #expect(try await value("oldest_transaction_age > interval '0'") == "true")
        let pid: Int32? = try await holder.query("SELECT pg_backend_pid() AS value").rows.first?.value(
            "value")
        let held: [String] = try await watcher.query(
            "SELECT kind || ' ' || name AS value FROM moed.vacuum_holders()"
        ).rows.map { try $0.value("value") }
        #expect(held.contains("transaction \(pid ?? 0)"))
        // Ages only: statements of others stay hidden.
        let query: String? = try await watcher.query(
            "SELECT query AS value FROM pg_stat_activity WHERE pid = \(pid ?? 0)"
        ).rows.first?.optional("value")
        #expect(query == "<insufficient privilege>")
        await holder.close()
        await watcher.close()
        try await house.close()
    }

    @Test func pausesBudgetsAndUnservedModelsAreShown() async throws {
        let queue = try await Queue()
        func shown() async throws -> String? {
            try await queue.database.value(
                "SELECT concat_ws(' ', paused, over_budget, unserved_models) AS value FROM moed.health")
        }
        #expect(try await shown() == "{} {} {}")
        let worker = try await queue.worker()
        try await queue.add(1, tenant: "a")
        try await queue.database.run(
            script: """
                SELECT moed.register_model('later'), moed.enqueue(prompt => 'x', model => 'later');
                SELECT moed.pause('all'), moed.pause('tenant', 'a'), moed.pause('model', 'default')
                """)
        #expect(try await shown() == #"{all,"model default","tenant a"} {} {later}"#)
        try await queue.database.run(
            script: "SELECT moed.resume('all'), moed.resume('tenant', 'a'), moed.resume('model', 'default')")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        _ = try await queue.store.complete(claimed.map { JobCompletion($0.lease) })
        try await queue.store.foldUsage()
        try await queue.database.run(script: "UPDATE moed.tenant SET tokens_per_day = 14 WHERE name = 'a'")
        #expect(try await shown() == "{} {a} {later}")
        await queue.close()
    }

    /// A8: the status line of a worker with a stuck loop, while it lives.
    @Test func stuckWorkersAreShown() async throws {
        let queue = try await Queue()
        func shown() async throws -> String? {
            try await queue.database.value("SELECT stuck_workers::text AS value FROM moed.health")
        }
        let worker = try await queue.worker()
        try await queue.database.run(script: "UPDATE moed.worker SET status = 'Idle, 3 done'")
        #expect(try await shown() == "{}")
        try await queue.database.run(
            script: "UPDATE moed.worker SET status = 'Stuck: preparation has made no progress for 45 s, Idle'")
        #expect(
            try await shown()
                == #"{"test, process 1: Stuck: preparation has made no progress for 45 s, Idle"}"#)
        try await queue.expire(worker)
        #expect(try await shown() == "{}")
        await queue.close()
    }

    @Test func progressHasRatesAndTimesLeft() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(6, tenant: "a")
        let batch: String = try #require(
            try await queue.database.value(
                "SELECT moed.import_batch('night', \(BatchTests.line("c")))::text AS value"))
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 3)
        _ = try await queue.store.complete(claimed.prefix(2).map { JobCompletion($0.lease) })
        // Two jobs have ended in five minutes: 0.4 a minute, so four jobs take ten minutes.
        try await queue.database.run(
            script:
                "UPDATE moed.job SET started_at = now() - interval '5 minutes' WHERE started_at IS NOT NULL")
        let rows = try await queue.database.query(
            """
            SELECT concat_ws(' ', tenant, model, batch_name, waiting, running, done, failed, jobs_per_minute) AS text, batch::text,
                   round(extract(epoch FROM time_left) / 60)::int AS minutes
              FROM moed.progress ORDER BY tenant
            """)
        #expect(
            try rows.map { try $0.value("text", as: String.self) } == [
                "a default 3 1 2 0 0.40", "default default night 1 0 0 0 0.00",
            ])
        #expect(try rows[0].optional("minutes", as: Int.self) == 10)
        #expect(try rows[1].optional("minutes", as: Int.self) == nil)
        #expect(try rows[1].optional("batch", as: String.self) == batch)
        // After more than ten minutes only the last ten count.
        try await queue.database.run(
            script: "UPDATE moed.job SET started_at = now() - interval '2 hours' WHERE started_at IS NOT NULL"
        )
        #expect(
            try await queue.database.value(
                "SELECT jobs_per_minute::text AS value FROM moed.progress WHERE tenant = 'a'") == "0.20")
        await queue.close()
    }
}
