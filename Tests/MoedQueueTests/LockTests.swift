import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// No transaction that a client or an operator keeps open holds up a worker's statement on another job.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct LockTests {
    /// A call in each function that a client or an operator may call, on the jobs of tenant a.
    private static let calls = [
        "SELECT moed.enqueue('q', tenant => 'a')",
        "SELECT moed.enqueue('q', tenant => 'a', model => 'nobody')",
        "SELECT moed.enqueue('q', tenant => 'a', model => 'brand-new')",
        "SELECT moed.enqueue('q', tenant => 'new tenant')",
        "SELECT moed.enqueue('q', tenant => 'a', idempotency_key => 'fresh')",
        "SELECT moed.enqueue_many(ARRAY['{\"model\":\"nobody\"}', '{}']::json[], tenant => 'a')",
        "INSERT INTO moed.jobs (prompt, tenant, model) VALUES ('q', 'a', 'brand-new'), ('q', 'a', 'served')",
        "SELECT moed.import_batch('n', '{\"custom_id\":\"1\",\"body\":{\"model\":\"brand-new\"}}', tenant => 'a')",
        "SELECT moed.export_batch(id) FROM moed.batches",
        "SELECT moed.batch_output(id) FROM moed.batches",
        """
        SELECT moed.begin_import('n', 'k', tenant => 'a');
        SELECT moed.import_part(batch_id, 0, '{"custom_id":"1","body":{"model":"brand-new"}}') FROM moed.batch_import;
        SELECT moed.end_import(id) FROM moed.batch WHERE import_key = 'k'
        """,
        gateway,
        """
        SELECT moed.create_key('a', repeat('1', 64), 'x', scopes => '{operate}');
        SELECT moed.api_operate(repeat('1', 64), 'redrive', name => 'c');
        SELECT moed.api_operate(repeat('1', 64), 'cancel', name => id::text) FROM moed.batch;
        SELECT moed.api_operate(repeat('1', 64), 'pause', 'tenant', 'b'), moed.api_operate(repeat('1', 64), 'resume', 'all')
        """,
        "SELECT moed.cancel(id) FROM moed.job WHERE tenant_id = (SELECT id FROM moed.tenant WHERE name = 'a')",
        "SELECT moed.cancel(id) FROM moed.job WHERE state = 'running'",
        "SELECT moed.cancel_batch(id) FROM moed.batches",
        "SELECT moed.wait(id, '0 s') FROM moed.job", "SELECT moed.wait_batch(id, '0 s') FROM moed.batch",
        "SELECT moed.ask('q', tenant => 'a'), moed.classify('q', '{a}', tenant => 'a'), moed.room_for(1, NULL)",
        "SELECT moed.extract('q', '{}', tenant => 'a'), moed.summarise('q'), moed.translate('q', 'Dutch'), moed.embed('q')",
        "SELECT moed.rerank('q', '{a,b}', tenant => 'a'), moed.search_query('q'), moed.relevance(id) FROM moed.job",
        "SELECT moed.redrive(id) FROM moed.job WHERE state = 'failed'",
        "SELECT moed.prune('0 s')", "SELECT moed.archive_jobs('0 s')",
        "SELECT moed.pause('all')", "SELECT moed.pause('model', 'default')", "SELECT moed.pause('tenant', 'b')",
        "SELECT moed.resume('all'), moed.resume('model', 'served'), moed.resume('tenant', 'b')",
        "SELECT moed.set_paused('model', 'served', true)",
        "SELECT moed.register_model('default'), moed.register_model('served')",
        "SELECT moed.register_model('another')",
        "SELECT moed.wake_idle()",
        "SELECT moed.cancel_jobs(tenant => 'a')", "SELECT moed.redrive_jobs(tenant => 'a')",
        "SELECT moed.insert_job(prompt => 'x', tenant => 'a')",
        "UPDATE moed.tenant SET weight = 2; UPDATE moed.model SET paused_at = NULL; UPDATE moed.control SET paused_at = NULL",
        "INSERT INTO moed.price (model, prompt, cached, completion) VALUES ('served', 1, 1, 1)",
        """
        INSERT INTO moed.endpoint_state (worker_id, endpoint, place, api, model, state, since, in_flight, max_in_flight,
          tokens_per_second, requests, tokens, errors)
        SELECT w.id, 'gpu', 0, 'tokens', 'm', 'out', now(), 0, 1, 0, 0, 0, '{}' FROM moed.worker w;
        SELECT moed.clear_cooldown('gpu')
        """,
        "SELECT count(*) FROM moed.jobs; SELECT * FROM moed.batches; SELECT * FROM moed.queue_stats",
        "SELECT pg_advisory_lock(x'6d726573'::bigint), pg_advisory_lock(x'6d6f6564'::bigint)",
    ]

    /// All functions of a gateway, with a key of tenant a.
    private static let gateway = """
        SELECT moed.create_key('a', repeat('0', 64), 'x');
        SELECT moed.api_begin_file(repeat('0', 64), 'f');
        SELECT moed.api_add_part(repeat('0', 64), id, 0, '{"custom_id":"1","body":{"model":"brand-new"}}', 1) FROM moed.api_file;
        SELECT moed.api_finish_file(repeat('0', 64), id, 'batch') FROM moed.api_file;
        SELECT moed.api_create_batch(repeat('0', 64), id, '1 h') FROM moed.api_file;
        SELECT moed.api_import_step();
        SELECT moed.api_import_step();
        SELECT moed.api_chat(repeat('0', 64), '{"model":"served"}', 5, 60);
        SELECT moed.api_chat_results(ARRAY[repeat('0', 64)], ARRAY[1]::bigint[]);
        SELECT moed.api_cancel_chat(repeat('0', 64), (SELECT max(id) FROM moed.job));
        SELECT moed.api_cancel_batch(repeat('0', 64), id) FROM moed.batch WHERE input_file IS NOT NULL;
        SELECT moed.api_delete_output(repeat('0', 64), id, true) FROM moed.batch WHERE input_file IS NOT NULL;
        SELECT moed.api_output(repeat('0', 64), id, false, 0, 9) FROM moed.batch;
        SELECT moed.api_files(repeat('0', 64)), moed.api_batches(repeat('0', 64)), moed.api_models(repeat('0', 64));
        SELECT moed.api_file_part_of(repeat('0', 64), id, 0) FROM moed.api_file;
        SELECT moed.api_delete_file(repeat('0', 64), id) FROM moed.api_file;
        SELECT moed.revoke_key(id) FROM moed.api_key
        """

    @Test(arguments: calls)
    func noOpenTransactionHoldsUpAWorker(call: String) async throws {
        let scene = try await LockScene.make()
        let held = try await HeldTransaction.begin(in: scene.queue.database, call)
        if !call.contains("cancel(id) FROM moed.job WHERE state") {
            #expect(try await scene.claimed().filter { $0 == "b" }.count == 3)
        }
        let problems = try await scene.problems()
        #expect(problems == [])
        try await held.end()
        #expect(try await scene.store.maintain().rescue.workers == 0)
        #expect(try await scene.queue.violations() == [])
        try await scene.close()
    }

    /// The list above has every function that clients, gateways and operators may call; the others read only.
    @Test func everyFunctionIsTried() async throws {
        let queue = try await Queue()
        try await queue.database.run(script: Migration.roles.sql)
        let names: [String] = try await queue.database.query(
            """
            SELECT DISTINCT p.proname AS name FROM pg_proc p
             WHERE p.pronamespace = 'moed'::regnamespace AND p.prorettype <> 'trigger'::regtype
               AND (has_function_privilege('moed_client', p.oid, 'EXECUTE')
                    OR has_function_privilege('moed_gateway', p.oid, 'EXECUTE')
                    OR has_function_privilege('moed_operator', p.oid, 'EXECUTE'))
            """
        ).map { try $0.value("name") }
        let reading = [
            "json_member", "json_text", "json_number", "json_texts", "json_integers", "last_message",
            "milliseconds", "decay", "caller", "own_tenant", "tenant_of_caller", "call_stamp", "pauses",
            "vacuum_holders", "why", "answer", "classification", "extraction", "embedding", "readable_json", "utc",
            "batch_counts",
        ]
        let untried = names.filter { name in
            !reading.contains(name) && !Self.calls.contains { $0.contains("moed.\(name)(") }
        }
        #expect(untried == [])
        await queue.close()
    }

    /// A lock on the job's row itself is an outcome of its own: not stale, and the others are written.
    @Test func aLockedRowIsLeftForLater() async throws {
        let scene = try await LockScene.make()
        let (first, second) = (scene.others[0], scene.others[1])
        let held = try await HeldTransaction.begin(
            in: scene.queue.database, "SELECT FROM moed.job WHERE id = \(first.id) FOR UPDATE")
        let pieces = [first, second].map {
            JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1])
        }
        #expect(
            try await scene.store.checkpoint(pieces, computedBy: "x")
                == CheckpointAnswer(written: [second.id], locked: [first.id]))
        #expect(
            try await scene.store.complete([first, second].map { JobCompletion($0.lease) })
                == [.locked, .committed])
        #expect(
            try await scene.store.fail(
                [JobFailure(lease: first.lease, code: "c", message: "m", retryable: false)]) == [.locked])
        #expect(try await scene.store.release([JobRelease(lease: first.lease)]) == [.locked])
        try await held.end()
        #expect(try await scene.store.complete([JobCompletion(first.lease)]) == [.committed])
        #expect(try await scene.store.release([JobRelease(lease: first.lease)]) == [.stale])
        #expect(try await scene.queue.violations() == [])
        try await scene.close()
    }

    /// A lock on a whole table holds up the statement, and the connection stays sound.
    @Test func aLockedTableIsAnOutcomeNotAnOutage() async throws {
        let scene = try await LockScene.make()
        let held = try await HeldTransaction.begin(
            in: scene.queue.database, "LOCK TABLE moed.job_result IN ACCESS EXCLUSIVE MODE")
        let completions = scene.others.map { JobCompletion($0.lease) }
        #expect(try await scene.store.complete(completions) == completions.map { _ in .locked })
        #expect(try await scene.store.beat(scene.worker, WorkerBeat(lease: Queue.lease, idle: false)))
        try await held.end()
        #expect(try await scene.store.complete(completions) == completions.map { _ in .committed })
        let everything = try await HeldTransaction.begin(
            in: scene.queue.database, "LOCK TABLE moed.job IN ACCESS EXCLUSIVE MODE")
        let error = await #expect(throws: QueueError.self) {
            _ = try await scene.store.backlog(models: ["default"])
        }
        #expect(error?.isHeldUp == true && error?.isConnectionLost == false)
        // The lease needs no other table.
        #expect(try await scene.store.beat(scene.worker, WorkerBeat(lease: Queue.lease, idle: false)))
        try await everything.end()
        try await scene.close()
    }

    /// A living worker whose row is locked is not declared dead, and nobody waits for its row.
    @Test func aLockedWorkerIsNotDeclaredDead() async throws {
        let scene = try await LockScene.make()
        try await scene.queue.expire(scene.worker)
        let held = try await HeldTransaction.begin(
            in: scene.queue.database, "SELECT FROM moed.worker WHERE id = \(scene.worker) FOR UPDATE")
        #expect(try await scene.store.rescue() == RescueReport())
        try await held.end()
        #expect(try await scene.store.rescue().workers == 1)
        try await scene.close()
    }

    /// Somebody holds one tenant's usage: that of the others is added up.
    @Test func aLockedUsageWaitsAlone() async throws {
        let scene = try await LockScene.make()
        _ = try await scene.store.complete([JobCompletion(scene.others[0].lease)])
        try await scene.store.foldUsage()
        let held = try await HeldTransaction.begin(
            in: scene.queue.database,
            "UPDATE moed.tenant_usage SET served_jobs = 0 WHERE tenant_id = (SELECT id FROM moed.tenant WHERE name = 'b')")
        _ = try await scene.store.complete([scene.others[1], scene.mine[0]].map { JobCompletion($0.lease) })
        try await scene.store.foldUsage()
        func left() async throws -> String? {
            try await scene.queue.database.value(
                "SELECT string_agg(t.name, ' ') AS value FROM moed.usage_delta d JOIN moed.tenant t ON t.id = d.tenant_id")
        }
        #expect(try await left() == "b")
        try await held.end()
        try await scene.store.foldUsage()
        #expect(try await left() == nil)
        try await scene.close()
    }

    /// The migrator waits a short time for each lock, and names the transaction that holds it.
    @Test func aMigrationDoesNotQueueBehindAnOpenTransaction() async throws {
        let queue = try await Queue()
        let held = try await HeldTransaction.begin(in: queue.database, "SELECT count(*) FROM moed.jobs")
        let next = Migration(version: 99, name: "m0099_next", sql: "ALTER TABLE moed.job ADD COLUMN extra int")
        let migrator = Migrator(
            connection: try await queue.database.connect(), migrations: Migration.all + [next], patience: .seconds(2))
        let error = await #expect(throws: QueueError.self) { try await migrator.apply() }
        #expect(error?.isHeldUp == true && error?.message.contains("open transactions: pid") == true)
        try await held.end()
        #expect(try await migrator.apply() == [next])
        await migrator.close()
        await queue.close()
    }
}
