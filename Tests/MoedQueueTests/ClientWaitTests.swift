import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// No open transaction of one client makes a client of another tenant wait, whatever both call.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ClientWaitTests {
    /// Calls of a client; the placeholders are its tenant and an id of its jobs.
    private static let calls = [
        "SELECT moed.enqueue('q', tenant => 'TENANT')",
        "SELECT moed.enqueue('q', tenant => 'TENANT', model => 'brand-new', idempotency_key => 'k')",
        "SELECT moed.enqueue('q', tenant => 'new'), moed.enqueue('q', tenant => 'newer')",
        "SELECT moed.enqueue('q', tenant => 'newer'), moed.enqueue('q', tenant => 'new')",
        "SELECT moed.enqueue_many(ARRAY['{\"model\":\"brand-new\"}', '{}']::json[], tenant => 'new')",
        "INSERT INTO moed.jobs (prompt, tenant, model) VALUES ('q', 'TENANT', 'brand-new'), ('q', 'new', 'served')",
        "SELECT moed.import_batch('n', '{\"custom_id\":\"1\",\"body\":{\"model\":\"brand-new\"}}', tenant => 'newer')",
        "SELECT moed.insert_job(prompt => 'x', tenant => 'TENANT', run_at => now() + interval '1 h')",
        "SELECT moed.cancel(id), moed.why(id), moed.wait(id, '0 s') FROM moed.jobs WHERE tenant = 'TENANT'",
        "SELECT moed.cancel_jobs(tenant => 'TENANT')",
        "SELECT moed.cancel_batch(id), moed.export_batch(id) FROM moed.batches",
        "SELECT count(*) FROM moed.jobs; SELECT * FROM moed.batches; SELECT * FROM moed.progress",
    ]

    @Test func noClientWaitsForAnother() async throws {
        let scene = try await LockScene.make()
        let patient = "SET LOCAL lock_timeout = '1s'"
        for held in Self.calls {
            for call in Self.calls {
                let first = try await HeldTransaction.begin(
                    in: scene.queue.database, "\(patient); \(held.replacing("TENANT", with: "a"))")
                let second = try await HeldTransaction.begin(in: scene.queue.database, patient)
                await #expect(throws: Never.self, "\(held) holds up \(call)") {
                    try await second.run(call.replacing("TENANT", with: "b"))
                }
                try await second.end("ROLLBACK")
                try await first.end("ROLLBACK")
            }
        }
        try await scene.close()
    }

    /// A tenant's own transaction may make it wait, for the same idempotency key only; it hears so.
    @Test func aTenantWaitsForItsOwnKey() async throws {
        let queue = try await Queue()
        let call = "SELECT moed.enqueue('q', idempotency_key => 'k')"
        let first = try await HeldTransaction.begin(in: queue.database, call)
        let second = try await HeldTransaction.begin(in: queue.database, "SET LOCAL lock_timeout = '100ms'")
        let error = await #expect(throws: DatabaseError.self) { try await second.run(call) }
        #expect(error?.isHeldUp == true)
        try await second.end("ROLLBACK")
        try await first.end()
        try await queue.database.run(script: call)
        #expect(try await queue.database.value("SELECT count(*) AS value FROM moed.job") == 1)
        await queue.close()
    }
}
