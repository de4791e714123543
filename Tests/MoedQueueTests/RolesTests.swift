import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Permissions of each role after `moed migrate --roles`. The server's databases share roles, so the tests run
/// serially.
@Suite(.serialized, .enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct RolesTests {
    private static let denied = RolesHouse.denied

    @Test func aClientHasItsOwnRowsAndNoOthers() async throws {
        let house = try await RolesHouse()
        let (alice, bob) = (try await house.connect("alice"), try await house.connect("bob"))
        func value(_ who: Connection, _ sql: SQL) async throws -> String? {
            try await who.query(sql).rows.first?.optional("value")
        }
        let mine = try #require(
            try await value(
                alice,
                "SELECT moed.enqueue(prompt => 'mine', idempotency_key => 'k', max_tokens => 1, reasoning => 'non_thinking')::text AS value"
            ))
        try await alice.query("INSERT INTO moed.jobs (prompt) SELECT 'more' FROM generate_series(1, 2)")
        let his = try #require(
            try await value(
                bob,
                "SELECT moed.enqueue(prompt => 'his', idempotency_key => 'k', model => 'secret')::text AS value"
            ))
        // The key is not a way to learn of another's job, and gives one's own back.
        #expect(mine != his)
        #expect(
            try await value(
                alice,
                "SELECT moed.enqueue(prompt => 'x', idempotency_key => 'k', tenant => 'a')::text AS value")
                == mine)

        let whole = "SELECT string_agg(DISTINCT tenant, ',') || ' ' || count(*) AS value FROM moed.jobs"
        #expect(try await value(alice, SQL(stringLiteral: whole)) == "a 3")
        #expect(try await value(bob, SQL(stringLiteral: whole)) == "b 1")
        #expect(try await value(bob, "SELECT model AS value FROM moed.jobs") == "secret")
        #expect(try await value(alice, "SELECT string_agg(name, ',') AS value FROM moed.tenants") == "a")
        #expect(try await value(alice, "SELECT string_agg(name, ',') AS value FROM moed.model") == "default")
        for table in ["job", "job_request", "job_attempt", "job_result", "token_ledger"] {
            let id = table == "job" ? "id" : "job_id"
            let found = "SELECT count(*)::text AS value FROM moed.\(table) WHERE \(id) = \(his)"
            #expect(try await value(alice, SQL(stringLiteral: found)) == "0", "\(table)")
        }
        #expect(try await value(alice, "SELECT moed.cancel(\(Int64(his) ?? 0)) AS value") == "unknown")
        #expect(
            try await value(
                alice, "SELECT coalesce(moed.wait(\(Int64(his) ?? 0), '0')::text, 'none') AS value") == "none"
        )
        #expect(try await value(bob, "SELECT moed.cancel(\(Int64(his) ?? 0)) AS value") == "cancelled")
        #expect(
            try await value(
                alice, "SELECT state::text AS value FROM moed.jobs WHERE id = \(Int64(mine) ?? 0)")
                == "queued")

        let line = #"{"custom_id":"one","body":{"messages":[]}}"#
        let batch = try #require(
            try await value(alice, "SELECT moed.import_batch('night', \(line))::text AS value"))
        #expect(try await value(alice, "SELECT tenant AS value FROM moed.batches") == "a")
        #expect(try await value(bob, "SELECT count(*)::text AS value FROM moed.batches") == "0")
        #expect(try await value(bob, "SELECT count(*)::text AS value FROM moed.batch_line") == "0")
        for call in ["export_batch", "cancel_batch"] {
            #expect(try await house.refusal("bob", "SELECT moed.\(call)('\(batch)')") == "42704")
        }
        #expect(try await value(alice, "SELECT moed.cancel_batch(\(batch)::uuid)::text AS value") == "1")
        await alice.close()
        await bob.close()
        try await house.close()
    }

    @Test func whatIsNotAClientsIsDenied() async throws {
        let house = try await RolesHouse()
        for statement in [
            "SELECT moed.enqueue(prompt => 'x', tenant => 'b')",
            "SELECT moed.enqueue(prompt => 'x', tenant => 'nobody')",
            "INSERT INTO moed.jobs (prompt, tenant) VALUES ('x', 'b')",
            "SELECT moed.import_batch('n', '{}', 'b')",
            "INSERT INTO moed.job (tenant_id, model_id, bucket, mode) VALUES (1, 1, 5, 'thinking')",
            "UPDATE moed.job SET priority = 100", "DELETE FROM moed.job",
            "UPDATE moed.token_ledger SET answer_tokens = 0", "DELETE FROM moed.token_ledger",
            "UPDATE moed.tenant SET weight = 1000",
            "INSERT INTO moed.job_result (job_id, lease_token, error_code) VALUES (1, 1, 'x')",
            "SELECT * FROM moed.workers", "SELECT * FROM moed.job_checkpoint", "SELECT * FROM moed.migration",
            "SELECT moed.pause('all')", "SELECT moed.prune('0')", "SELECT moed.redrive(1)",
            "SELECT moed.tenant_of('c')",
            "SELECT moed.model_of('c')", "SELECT moed.wake_idle()", "SELECT moed.fold_usage()",
            "SELECT nextval('moed.lease_token_seq')", "SET ROLE moed_owner", "SET ROLE \(house.prefix)_bob",
            "CREATE TABLE moed.mine (i int)", "UPDATE moed.jobs SET priority = 1", "DELETE FROM moed.jobs",
            "SELECT moed.tenant_of_role('\(house.prefix)_bob')", "SELECT * FROM moed.vacuum_holders()",
            "SELECT moed.pauses()",
            "SELECT moed.insert_many(ARRAY['{}']::json[], 1, NULL, NULL, NULL, NULL, false)",
        ] {
            #expect(try await house.refusal("alice", statement) == Self.denied, "\(statement)")
        }
        #expect(try await house.refusal("homeless", "SELECT moed.enqueue(prompt => 'x')") == Self.denied)
        #expect(try await house.refusal("stranger", "SELECT * FROM moed.jobs") == Self.denied)
        #expect(try await house.refusal("rita", "SELECT moed.enqueue(prompt => 'x')") == Self.denied)
        #expect(try await house.refusal("rita", "SELECT * FROM moed.jobs, moed.workers, moed.health") == nil)
        try await house.close()
    }

    /// Definer functions must not call functions of the client's own schema: those would run with the owner's rights.
    @Test func definerFunctionsDoNotFollowTheCallersPath() async throws {
        let house = try await RolesHouse()
        try await house.queue.database.run(
            script: "CREATE SCHEMA trap AUTHORIZATION \(house.prefix)_alice")
        let attack = """
            SET search_path = trap, pg_catalog, moed, public;
            CREATE FUNCTION trap.taken() RETURNS int LANGUAGE sql AS 'SELECT 1/0';
            CREATE FUNCTION trap.to_json(text) RETURNS json LANGUAGE sql AS 'SELECT NULL::json FROM trap.taken()';
            CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT trap.taken()::text::timestamptz';
            CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT trap.taken()::text::timestamptz';
            CREATE FUNCTION trap.greatest(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT trap.taken()::numeric';
            CREATE FUNCTION trap.concat(text, text) RETURNS text LANGUAGE sql AS 'SELECT trap.taken()::text';
            SELECT moed.cancel(moed.enqueue(prompt => 'x', system => 'y'));
            SELECT moed.cancel_batch(moed.import_batch('n', '{"custom_id":"c","body":{}}'));
            INSERT INTO moed.jobs (prompt) VALUES ('x');
            """
        #expect(try await house.refusal("alice", attack) == nil)
        let definers: Int? = try await house.queue.database.value(
            """
            SELECT count(*) AS value FROM pg_proc
             WHERE pronamespace = 'moed'::regnamespace AND prosecdef
               AND proconfig::text NOT LIKE '%search_path=pg_catalog, moed, pg_temp%'
            """)
        #expect(definers == 0)
        try await house.close()
    }

    @Test func theWorkerRunsAndTheOperatorOperates() async throws {
        let house = try await RolesHouse()
        let conninfo = "host=\(house.queue.database.host) dbname=\(house.prefix) user=\(house.prefix)_daemon"
        let migrator = try await Migrator.connect(conninfo: conninfo)
        try await migrator.verify()
        await migrator.close()
        #expect(
            try await house.refusal(
                "alice",
                "INSERT INTO moed.jobs (prompt, reasoning, max_tokens) SELECT 'x', 'non_thinking', 1 FROM generate_series(1, 4)"
            )
                == nil)
        let store = try await JobStore.connect(conninfo: conninfo)
        let worker = try await store.registerWorker(
            WorkerRegistration(host: "h", pid: 1, version: "0", models: ["default"], lease: Queue.lease))
        let claimed = try await store.claim(worker, Queue.jobClass, limit: 3)
        #expect(claimed.map(\.tenant) == ["a", "a", "a"])
        #expect(
            try await store.checkpoint(
                [JobCheckpoint(lease: claimed[0].lease, choice: 0, firstToken: 0, tokens: [1])],
                computedBy: "x"
            ).written.count == 1)
        #expect(try await store.complete([JobCompletion(claimed[0].lease)]) == [.committed])
        #expect(
            try await store.fail([
                JobFailure(lease: claimed[1].lease, code: "c", message: "m", retryable: false)
            ])
                == [.committed])
        #expect(try await store.release([JobRelease(lease: claimed[2].lease)]) == [.committed])
        _ = try await store.maintain()
        _ = try await store.rescue()
        _ = try await store.promote()
        _ = try await store.expire()
        _ = try await store.resolveModels()
        try await store.foldUsage()
        #expect(try await store.backlog(models: ["default"]).map(\.queued) == [2])
        #expect(try await store.prune(olderThan: .seconds(3600)) == 0)
        // The account is for adding to only.
        #expect(try await house.refusal("daemon", "DELETE FROM moed.token_ledger") == Self.denied)
        #expect(try await house.refusal("daemon", "UPDATE moed.token_ledger SET wall_ms = 0") == Self.denied)
        try await store.unregister(worker)
        await store.close()
        for statement in [
            "SELECT moed.pause('tenant', 'a'); SELECT moed.resume('tenant', 'a')",
            "SELECT moed.redrive(\(claimed[1].id))",
            "SELECT moed.cancel(\(claimed[2].id))", "SELECT moed.enqueue(prompt => 'for b', tenant => 'b')",
            "INSERT INTO moed.price VALUES ('default', DEFAULT, 1, 1, 1)", "SELECT * FROM moed.cost_daily",
            "UPDATE moed.tenant SET tokens_per_day = 10 WHERE name = 'a'", "SELECT moed.register_model('m')",
            "SELECT moed.prune('1 day')",
        ] {
            #expect(try await house.refusal("olga", statement) == nil, "\(statement)")
        }
        for statement in [
            "UPDATE moed.token_ledger SET wall_ms = 0", "DELETE FROM moed.token_ledger",
            "DELETE FROM moed.job",
        ] {
            #expect(try await house.refusal("olga", statement) == Self.denied, "\(statement)")
        }
        try await house.close()
    }

    /// A worker without the role gets an error at the start, not a queue that seems empty.
    @Test func aWorkerOutsideTheRoleIsTold() async throws {
        let house = try await RolesHouse()
        let role = "\(house.prefix)_stranger"
        try await house.queue.database.run(
            script: """
                GRANT USAGE ON SCHEMA moed TO \(role); GRANT ALL ON ALL TABLES IN SCHEMA moed TO \(role);
                GRANT ALL ON ALL SEQUENCES IN SCHEMA moed TO \(role)
                """)
        let migrator = try await Migrator.connect(
            conninfo: "host=\(house.queue.database.host) dbname=\(house.prefix) user=\(role)")
        let error = await #expect(throws: QueueError.self) { try await migrator.verify() }
        #expect(error?.code == .rightsMissing)
        #expect(error?.message == "role \(role) needs to be a member: GRANT moed_worker TO \(role)")
        await migrator.close()
        try await house.close()
    }

    @Test func laterMigrationsAreCovered() async throws {
        let house = try await RolesHouse()
        let connection = try await house.queue.database.connect()
        let next = Migration(
            version: 99, name: "m0099_future",
            sql: "CREATE FUNCTION moed.future() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        let migrator = Migrator(connection: connection, migrations: Migration.all + [next])
        #expect(try await migrator.apply() == [next, .roles])
        #expect(try await house.refusal("alice", "SELECT moed.future()") == Self.denied)
        await connection.close()
        try await house.close()
    }
}
