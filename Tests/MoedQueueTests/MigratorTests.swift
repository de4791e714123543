import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct MigratorTests {
    @Test func appliesOnceAndThenNothing() async throws {
        let database = try await TestDatabase.create()
        let migrator = try await Migrator.connect(conninfo: database.conninfo)
        let missing = await #expect(throws: QueueError.self) { try await migrator.verify() }
        #expect(missing?.code == .schemaMissing)
        #expect(missing?.message.contains("moed migrate") == true)
        #expect(try await migrator.plan() == Migration.all)
        #expect(try await migrator.apply() == Migration.all)
        try await migrator.verify()
        #expect(try await migrator.plan() == [])
        #expect(try await migrator.apply() == [])
        let versions: Int? = try await database.value("SELECT count(*) AS value FROM moed.migration")
        #expect(versions == Migration.all.count)
        await migrator.close()
        await database.close()
    }

    /// Migration 15 makes `moed.jobs` anew. A view of an application that reads it goes on reading.
    @Test func viewsOfApplicationsOutliveTheUpgrade() async throws {
        let database = try await TestDatabase.create()
        let connection = try await database.connect()
        let older = Migrator(connection: connection, migrations: Array(Migration.all.prefix(14)))
        #expect(try await older.apply().count == 14)
        try await database.run(
            script: """
                SELECT moed.enqueue(prompt => 'before');
                CREATE VIEW mine AS SELECT id, prompt FROM moed.jobs
                """)
        #expect(try await Migrator(connection: connection).apply().first?.version == 15)
        try await database.run(script: "INSERT INTO moed.jobs (prompt, priority) VALUES ('after', 1e9)")
        #expect(
            try await database.value("SELECT string_agg(prompt, ' ' ORDER BY id) AS value FROM mine")
                == "before after")
        await connection.close()
        await database.close()
    }

    @Test func aDryRunLeavesNothing() async throws {
        let database = try await TestDatabase.create()
        let migrator = try await Migrator.connect(conninfo: database.conninfo)
        #expect(try await migrator.apply(dryRun: true) == Migration.all)
        #expect(try await database.value("SELECT to_regnamespace('moed') IS NULL AS value") == true)
        #expect(try await migrator.apply() == Migration.all)
        await migrator.close()
        await database.close()
    }

    @Test func twoAtOnceApplyEachMigrationOnce() async throws {
        let database = try await TestDatabase.create()
        let applied = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    // Each waits for those before it, longer than the product would on a slow machine.
                    let migrator = Migrator(connection: try await database.connect())
                    defer { Task { await migrator.close() } }
                    return try await migrator.apply().count
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(applied == Migration.all.count)
        await database.close()
    }

    @Test func aNewerOlderOrChangedSchemaIsRefused() async throws {
        let database = try await TestDatabase.create()
        let connection = try await database.connect()
        let next = Migration(version: 99, name: "m0099_future", sql: "CREATE TABLE moed.future (i int)")
        let newer = Migrator(connection: connection, migrations: Migration.all + [next])
        let current = Migrator(connection: connection)
        _ = try await current.apply()

        let older = await #expect(throws: QueueError.self) { try await newer.verify() }
        #expect(older?.code == .schemaOlder)
        #expect(older?.message.contains("m0099_future") == true)
        #expect(try await newer.apply() == [next])

        for attempt in [{ _ = try await current.apply() }, { try await current.verify() }] {
            let refused = await #expect(throws: QueueError.self) { try await attempt() }
            #expect(refused?.code == .schemaNewer)
            #expect(refused?.message.contains("m0099_future") == true)
        }

        var changed = next
        changed.sql += " -- changed"
        let tampered = Migrator(connection: connection, migrations: Migration.all + [changed])
        let refused = await #expect(throws: QueueError.self) { try await tampered.apply() }
        #expect(refused?.code == .schemaChanged)
        #expect(refused?.message.contains("m0099_future") == true)
        await connection.close()
        await database.close()
    }

    /// A migration marked as compatible with older programs leaves a running worker working (T25).
    @Test func aNewerSchemaThatOnlyAddsIsWorkedWith() async throws {
        let queue = try await Queue()
        let connection = try await queue.database.connect()
        let current = Migrator(connection: connection)
        let known = try #require(Migration.all.last?.version)
        var added = Migration(
            version: 99, name: "m0099_added", sql: "ALTER TABLE moed.job ADD COLUMN future int")
        added.worksSince = known
        let worker = try await queue.worker()
        try await queue.add(2)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        #expect(
            try await Migrator(connection: connection, migrations: Migration.all + [added]).apply() == [added]
        )
        // The worker that was running goes on, on its old connection too.
        #expect(try await queue.store.complete(claimed.map { JobCompletion($0.lease) }) == [.committed])
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1).count == 1)
        try await current.verify()
        #expect(try await current.apply() == [])

        var later = Migration(version: 100, name: "m0100_later", sql: "SELECT 1")
        later.worksSince = 99
        _ = try await Migrator(connection: connection, migrations: Migration.all + [added, later]).apply()
        let refused = await #expect(throws: QueueError.self) { try await current.verify() }
        #expect(refused?.code == .schemaNewer)
        await connection.close()
        await queue.close()
    }

    @Test func missingRightsAreNamed() async throws {
        let database = try await QueueDatabase.create()
        let verify = { () async throws -> String in
            let migrator = try await Migrator.connect(
                conninfo: database.conninfo + " options='-c role=moed_weak'")
            defer { Task { await migrator.close() } }
            return try await #require(throws: QueueError.self) { try await migrator.verify() }.message
        }
        // Roles are the whole server's: made in a block so that tests may run at once.
        try await database.run(
            script: """
                DO $$ BEGIN CREATE ROLE moed_weak; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
                GRANT USAGE ON SCHEMA moed TO moed_weak;
                GRANT SELECT ON moed.migration TO moed_weak;
                GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA moed TO moed_weak;
                REVOKE INSERT ON moed.token_ledger FROM moed_weak
                """)
        let message = try await verify()
        #expect(
            message
                == "role moed_weak needs SELECT, UPDATE, DELETE on moed.cancel_request, SELECT, INSERT, UPDATE, DELETE on moed.endpoint_state, SELECT, UPDATE, DELETE on moed.job, SELECT, INSERT, UPDATE, DELETE on moed.job_checkpoint, USAGE on moed.lease_token_seq, INSERT on moed.token_ledger"
        )
        await database.close()
    }

    /// What `roles.sql` grants to workers is what a start asks for.
    @Test func everyRightOfAWorkerIsAskedFor() async throws {
        // Without row security each right is named, not the membership that brings them all.
        let (database, secured) = (try await QueueDatabase.create(), try await QueueDatabase.create())
        try await secured.run(script: Migration.roles.sql)
        try await database.run(
            script: """
                DO $$ BEGIN CREATE ROLE moed_bare; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
                GRANT USAGE ON SCHEMA moed TO moed_bare;
                GRANT SELECT ON moed.migration TO moed_bare
                """)
        let migrator = try await Migrator.connect(
            conninfo: database.conninfo + " options='-c role=moed_bare'")
        let message = try await #require(throws: QueueError.self) { try await migrator.verify() }.message
        let granted = try await secured.query(
            """
            SELECT string_agg(g.privilege_type, ', '
                     ORDER BY array_position('{SELECT,INSERT,UPDATE,DELETE}', g.privilege_type::text))
                     || ' on moed.' || g.table_name AS right
              FROM information_schema.role_table_grants g
             WHERE g.grantee = 'moed_worker' AND g.table_schema = 'moed' AND g.table_name <> 'migration'
             GROUP BY g.table_name
            """
        ).map { try $0.value("right", as: String.self) }
        #expect(granted.count > 10)
        for right in granted { #expect(message.contains(right), "\(right)") }
        await migrator.close()
        await database.close()
        await secured.close()
    }

    @Test func aFailingMigrationLeavesNothing() async throws {
        let database = try await TestDatabase.create()
        let connection = try await database.connect()
        let bad = Migration(
            version: 99, name: "m0099_bad", sql: "CREATE TABLE moed.half (i int); SELECT 1 / 0")
        let error = await #expect(throws: QueueError.self) {
            try await Migrator(connection: connection, migrations: Migration.all + [bad]).apply()
        }
        #expect(error?.database?.sqlState == "22012")
        #expect(try await database.value("SELECT to_regnamespace('moed') IS NULL AS value") == true)
        await connection.close()
        await database.close()
    }

    @Test func everythingIsCommented() async throws {
        let database = try await QueueDatabase.create()
        let rows = try await database.query(
            """
            SELECT 'column ' || c.oid::regclass || '.' || a.attname AS name
              FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relnamespace = 'moed'::regnamespace AND c.relkind IN ('r', 'v')
               AND col_description(c.oid, a.attnum) IS NULL
            UNION ALL
            SELECT 'relation ' || c.oid::regclass FROM pg_class c
             WHERE c.relnamespace = 'moed'::regnamespace AND c.relkind IN ('r', 'v', 'S')
               AND obj_description(c.oid, 'pg_class') IS NULL
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i')
            UNION ALL
            SELECT 'function ' || p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'moed'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
            UNION ALL
            SELECT 'function without search_path ' || p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'moed'::regnamespace AND p.provolatile <> 'i'
               -- They are inlined. Names are qualified, or resolved by the callers, which all set search_path.
               AND p.proname NOT IN ('call_stamp', 'mode_named')
               AND NOT coalesce(p.proconfig::text LIKE '%search_path=pg_catalog%', false)
            """)
        #expect(try rows.map { try $0.value("name", as: String.self) } == [])
        let counted: Int? = try await database.value(
            "SELECT count(*) AS value FROM pg_proc WHERE pronamespace = 'moed'::regnamespace")
        #expect((counted ?? 0) > 10)
        await database.close()
    }
}
