import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Model names that no worker has registered: kept in the job, and looked up later.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ModelNameTests {
    private func models(_ queue: Queue) async throws -> [String] {
        try await queue.database.query("SELECT name FROM moed.model ORDER BY id").map { try $0.value("name") }
    }

    /// Two transactions name two new models in opposite order, and a worker registers both.
    @Test func oppositeOrdersDoNotWait() async throws {
        let queue = try await Queue()
        let store = try await JobStore.impatient(queue.database)
        let first = try await HeldTransaction.begin(in: queue.database, "SET lock_timeout = '2s'")
        let second = try await HeldTransaction.begin(in: queue.database, "SET lock_timeout = '2s'")
        try await first.run("SELECT moed.enqueue('1', model => 'x')")
        try await second.run("SELECT moed.enqueue('2', model => 'y')")
        try await first.run("SELECT moed.enqueue('3', model => 'y')")
        try await second.run("SELECT moed.enqueue('4', model => 'x')")
        let worker = try await queue.worker(models: [])
        #expect(try await store.registerModels(worker, ["x", "y"]))
        try await first.end()
        try await second.end()
        // The enqueues raced with the registration: the names are looked up again, and no job fails.
        #expect(try await store.resolveModels() == (4, 0))
        let backlog = try await store.backlog(models: ["x", "y"])
        #expect(backlog.map(\.jobClass.model) == ["x", "y"] && backlog.map(\.queued) == [2, 2])
        await store.close()
        await queue.close()
    }

    /// Names that nobody serves leave no row. Views and errors show what was asked for, whatever it is.
    @Test func unknownNamesLeaveNoRow() async throws {
        let queue = try await Queue()
        let long = String(repeating: "n", count: 300)
        try await queue.database.query(
            "SELECT moed.enqueue('q', model => n) FROM unnest(\(SQLArray(["it's \"odd\"", "", long, "nobody"]))) AS n")
        try await queue.database.run(
            script: """
                SELECT moed.enqueue('q', params => '{"model":"in params","x":"\\ud800"}', model => 'beside an odd escape');
                SELECT moed.enqueue_many(ARRAY['{"model":"many"}', '{"model":"many"}']::json[]);
                """)
        let stats = try await queue.database.query("SELECT model FROM moed.queue_stats ORDER BY 1")
        #expect(try stats.contains { try $0.value("model", as: String.self) == "nobody" } && stats.count == 6)
        #expect(try await queue.store.maintain().refused == 7)
        let rows = try await queue.database.query("SELECT model, error FROM moed.jobs ORDER BY id")
        let names: [String] = try rows.map { try $0.value("model") }
        let cut = String(repeating: "n", count: 255) + "…"
        #expect(names == ["it's \"odd\"", "(empty)", cut, "nobody", "beside an odd escape", "many", "many"])
        for (row, name) in zip(rows, names) {
            #expect(try row.value("error", as: String.self).contains("no worker has ever served model \"\(name)\""))
        }
        #expect(try await models(queue) == ["default"])
        // Run again, it is looked up again.
        _ = try await queue.worker(models: ["nobody"])
        try await queue.database.run(script: "SELECT moed.redrive(id) FROM moed.jobs WHERE model = 'nobody'")
        #expect(try await queue.store.maintain().resolved == 1)
        #expect(try await queue.store.backlog(models: ["nobody"]).map(\.queued) == [1])
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    /// A job for a later time is looked up when it is due.
    @Test func scheduledJobsAreLookedUpWhenDue() async throws {
        let queue = try await Queue()
        try await queue.database.run(script: "SELECT moed.enqueue('q', model => 'late', run_at => now() + interval '1 h')")
        #expect(try await queue.store.dueMaintenance() == [])
        _ = try await queue.worker(models: ["late"])
        try await queue.database.run(script: "UPDATE moed.job SET run_at = now()")
        let found = try await queue.store.maintain()
        let next = try await queue.store.maintain()
        #expect(found.promoted == 1 && found.resolved + next.resolved == 1)
        #expect(try await queue.store.backlog(models: ["late"]).map(\.queued) == [1])
        await queue.close()
    }

    /// An operator's open transaction adds the name: the worker starts without it, and gets it afterwards.
    @Test func aNameBeingAddedIsRegisteredLater() async throws {
        let queue = try await Queue()
        let store = try await JobStore.impatient(queue.database)
        let held = try await HeldTransaction.begin(in: queue.database, "SELECT moed.register_model('m')")
        let worker = try await store.registerWorker(
            WorkerRegistration(host: "h", pid: 1, version: "0", models: ["default", "m"], lease: Queue.lease))
        #expect(try await store.registerModels(worker, ["default", "m"]) == false)
        try await held.end()
        #expect(try await store.registerModels(worker, ["default", "m"]))
        let names: String? = try await queue.database.value(
            "SELECT models AS value FROM moed.workers WHERE id = \(worker.rawValue)")
        #expect(names == "{default,m}")
        await store.close()
        await queue.close()
    }

    /// The look of maintenance reads one entry of the claim index, however many names were made up.
    @Test func theLookDoesNotGrowWithNames() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                SELECT count(moed.enqueue('q', model => 'made up ' || i)) FROM generate_series(1, 2000) AS i;
                SELECT count(moed.cancel(id)) FROM moed.job;
                """)
        #expect(try await queue.store.dueMaintenance() == [])
        #expect(try await models(queue) == ["default"])
        await queue.close()
    }

    /// Rows of an older schema: their names move into the jobs.
    @Test func theMigrationMovesUnregisteredNames() async throws {
        let database = try await TestDatabase.create()
        let connection = try await database.connect()
        let before = Migrator(connection: connection, migrations: Migration.all.filter { $0.version < 14 })
        _ = try await before.apply()
        try await database.run(
            script: """
                SELECT moed.enqueue('a', model => 'made up'), moed.enqueue('b', model => 'made up'),
                       moed.enqueue('c', model => 'priced'), moed.enqueue('d'), moed.register_model('known');
                SELECT moed.enqueue('e', model => 'known');
                INSERT INTO moed.price (model, prompt, cached, completion) VALUES ('priced', 1, 1, 1);
                UPDATE moed.job SET state = 'failed', finished_at = now() WHERE id = 2;
                INSERT INTO moed.worker (host, pid, version, models, expires_at) VALUES ('h', 1, '0', '{1}', now());
                UPDATE moed.job SET state = 'running', leased_by = 1, cancel_requested_at = now() WHERE id = 4;
                """)
        _ = try await Migrator(connection: connection).apply()
        let names: [String] = try await database.query("SELECT model FROM moed.jobs ORDER BY id").map {
            try $0.value("model")
        }
        #expect(names == ["made up", "made up", "priced", "default", "known"])
        let kept: String? = try await database.value("SELECT string_agg(name, ' ' ORDER BY id) AS value FROM moed.model")
        #expect(kept == "default priced known")
        #expect(try await database.value("SELECT job_id AS value FROM moed.cancel_request") == 4)
        await connection.close()
        await database.close()
    }
}
