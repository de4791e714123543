import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// New tenants that several open transactions name: nobody waits for another, and no job is lost.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct TenantNameTests {
    private func tenants(_ queue: Queue) async throws -> String? {
        try await queue.database.value("SELECT string_agg(tenant, ' ' ORDER BY id) AS value FROM moed.jobs")
    }

    private func claimed(_ queue: Queue) async throws -> [String] {
        let worker = try await queue.worker()
        return try await queue.store.claim(worker, Queue.jobClass, limit: 9).map(\.tenant).sorted()
    }

    private static func enqueue(_ tenant: String) -> String {
        "SELECT moed.enqueue('q', reasoning => 'non_thinking', max_tokens => 1, tenant => '\(tenant)')"
    }

    /// Two transactions name two new tenants in opposite order.
    @Test func oppositeOrdersDoNotWait() async throws {
        let queue = try await Queue()
        let first = try await HeldTransaction.begin(in: queue.database, "SET lock_timeout = '20s'")
        let second = try await HeldTransaction.begin(in: queue.database, "SET lock_timeout = '20s'")
        try await first.run(Self.enqueue("x"))
        try await second.run(Self.enqueue("y"))
        try await first.run(Self.enqueue("y"))
        try await second.run("\(Self.enqueue("x")); \(Self.enqueue("x"))")
        try await second.end()
        #expect(try await tenants(queue) == "y x x", "a tenant that is being added has its name already")
        #expect(try await queue.store.maintain() == MaintenanceReport())
        #expect(try await claimed(queue) == ["y"])
        try await first.end()
        #expect(try await claimed(queue) == ["x", "x", "x", "y"])
        _ = try await queue.store.maintain()
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.tenant_request") == 0)
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.tenant") == 3)
        await queue.close()
    }

    /// The transaction that added the tenant is rolled back: a worker adds it for the jobs of the others.
    @Test func aRequestedTenantIsAddedByAWorker() async throws {
        let queue = try await Queue()
        let held = try await HeldTransaction.begin(in: queue.database, Self.enqueue("x"))
        try await queue.database.run(
            script: """
                \(Self.enqueue("x"));
                SELECT moed.import_batch('b', '{"custom_id":"1","body":{}}', tenant => 'x');
                SELECT moed.enqueue_many(ARRAY['{}', '{}']::json[], tenant => 'x')
                """)
        #expect(try await queue.store.dueMaintenance() == [.tenants])
        #expect(try await queue.database.value("SELECT tenant AS value FROM moed.batches") == "x")
        #expect(try await queue.database.value("SELECT sum(waiting)::bigint AS value FROM moed.progress WHERE tenant = 'x'") == 4)
        let why: String? = try await queue.database.value("SELECT moed.why(min(id)) AS value FROM moed.jobs")
        #expect(why == "It waits: a transaction that adds its tenant \"x\" is open.")
        #expect(try await claimed(queue) == [])
        try await held.end("ROLLBACK")
        _ = try await queue.store.maintain()
        #expect(try await claimed(queue) == ["x"])
        #expect(try await tenants(queue) == "x x x x")
        #expect(try await queue.store.dueMaintenance() == [])
        await queue.close()
    }

    /// An open transaction gives another tenant the new name: the jobs go there, and a key is used once.
    @Test func aNameThatIsTakenMeanwhile() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: "INSERT INTO moed.tenant (name) VALUES ('old'); SELECT moed.enqueue('q', tenant => 'old', idempotency_key => 'k')")
        let held = try await HeldTransaction.begin(
            in: queue.database, "UPDATE moed.tenant SET name = 'x' WHERE name = 'old'")
        try await queue.database.run(
            script: "SELECT moed.enqueue('q', tenant => 'x', idempotency_key => k) FROM unnest(ARRAY['k', 'l']) AS k")
        try await held.end()
        _ = try await queue.store.maintain()
        #expect(try await tenants(queue) == "x x x")
        let keys: String? = try await queue.database.value(
            "SELECT string_agg(coalesce(idempotency_key, '-'), ' ' ORDER BY id) AS value FROM moed.jobs")
        #expect(keys == "k - l")
        #expect(try await queue.database.value("SELECT count(DISTINCT tenant_id) AS value FROM moed.job") == 1)
        await queue.close()
    }

    /// Transactions that see an old snapshot know the id of a tenant that others have added since.
    @Test(arguments: ["REPEATABLE READ", "SERIALIZABLE"])
    func anOldSnapshotNamesANewTenant(level: String) async throws {
        let queue = try await Queue()
        let old = try await HeldTransaction.begin(
            in: queue.database, "SET TRANSACTION ISOLATION LEVEL \(level); SELECT FROM moed.tenant")
        try await queue.database.run(script: Self.enqueue("x"))
        try await old.run(Self.enqueue("x"))
        try await old.end()
        #expect(try await claimed(queue) == ["x", "x"])
        _ = try await queue.store.maintain()
        #expect(try await tenants(queue) == "x x")
        await queue.close()
    }

    /// Names that are held cost a bounded time at a call; the others are added beside them.
    @Test func heldNamesDoNotKeepOthersWaiting() async throws {
        let queue = try await Queue()
        let names = (1...12).map { "t\($0)" }
        let held = try await HeldTransaction.begin(
            in: queue.database, names.map { Self.enqueue($0) }.joined(separator: "; "))
        let other = try await HeldTransaction.begin(in: queue.database, Self.enqueue("free"))
        try await queue.database.run(script: (names + ["free"]).map { Self.enqueue($0) }.joined(separator: "; "))
        try await other.end("ROLLBACK")
        // Names are tried in random order, a few held ones at a call.
        let isAdded = try await eventually {
            _ = try await queue.store.maintain()
            return try await queue.database.value("SELECT EXISTS (SELECT FROM moed.tenant WHERE name = 'free') AS value") == true
        }
        #expect(isAdded)
        #expect(try await claimed(queue) == ["free"])
        try await held.end()
        #expect(try await claimed(queue).count == 9)
        await queue.close()
    }

    /// Every unique index, with the reason why no client waits there for another tenant's transaction.
    @Test func everyUniqueIndexIsDecided() async throws {
        let reasons = [
            "a new number or uuid": [
                "api_file_pkey", "api_key_digest_key", "api_key_pkey", "batch_pkey", "cancel_request_pkey", "job_pkey", "model_pkey", "origin_pkey", "tenant_request_pkey",
                "token_ledger_pkey", "usage_delta_pkey", "worker_pkey", "batch_delta_pkey", "api_key_use_pkey",
            ],
            "keys of a job or batch: whose row is locked, or new": [
                "api_file_part_pkey", "batch_budget_pkey", "batch_import_pkey", "batch_line_custom_id_idx", "batch_line_pkey", "job_attempt_pkey", "job_checkpoint_pkey", "job_request_pkey",
                "job_result_pkey", "token_ledger_attempt_idx", "token_ledger_final_idx",
            ],
            "a tenant waits for its own transaction": ["batch_import_key_idx", "job_idempotency_key_idx"],
            "moed.add_tenant() does not wait": ["tenant_name_key", "tenant_pkey"],
            "clients do not write there": [
                "archive_pkey", "policy_name_key", "policy_pkey", "policy_verdict_pkey", "control_pkey", "cooldown_end_pkey", "endpoint_request_pkey", "endpoint_state_pkey", "migration_pkey", "model_name_key", "origin_digest_model_key", "price_pkey",
                "tenant_db_role_key", "tenant_usage_pkey", "batch_count_pkey", "minute_sample_pkey",
            ],
        ]
        let queue = try await Queue()
        let found: [String] = try await queue.database.query(
            """
            SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             WHERE i.indisunique AND c.relnamespace = 'moed'::regnamespace ORDER BY 1
            """
        ).map { try $0.value("name") }
        #expect(Set(found) == Set(reasons.values.joined()))
        await queue.close()
    }
}
