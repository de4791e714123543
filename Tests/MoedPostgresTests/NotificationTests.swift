import MoedPostgres
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct NotificationTests {
    @Test func notificationsArrive() async throws {
        let database = try await TestDatabase.create()
        let listener = try await database.connect()
        try await listener.listen("a \"quoted\" channel")
        async let first = listener.notification(timeout: .seconds(600))
        try await database.run(script: "NOTIFY \"a \"\"quoted\"\" channel\", 'hello'; NOTIFY other, 'x'")
        #expect(try await first?.payload == "hello")
        #expect(try await listener.notification(timeout: .milliseconds(50)) == nil)
        // One that comes during a query is kept.
        try await database.run(script: "NOTIFY \"a \"\"quoted\"\" channel\", 'kept'")
        try await listener.query("SELECT pg_sleep(0.05)")
        #expect(try await listener.notification(timeout: .zero)?.payload == "kept")
        await listener.close()
        await database.close()
    }

    @Test func waitingEndsByTimeoutWakeAndCancellation() async throws {
        let database = try await TestDatabase.create()
        let listener = try await database.connect()
        try await listener.listen("c")
        let start = ContinuousClock.now
        #expect(try await listener.notification(timeout: .milliseconds(100)) == nil)
        #expect(ContinuousClock.now - start >= .milliseconds(100))

        let woken = Task { try await listener.notification(timeout: .seconds(600)) }
        listener.wake()
        #expect(try await woken.value == nil)

        let cancelled = Task { try await listener.notification(timeout: .seconds(600)) }
        cancelled.cancel()
        #expect(try await cancelled.value == nil)
        #expect(ContinuousClock.now - start < .seconds(600))
        #expect(try await listener.query("SELECT 1").rows.count == 1)
        await listener.close()
        await database.close()
    }

    @Test func aLostConnectionEndsTheWait() async throws {
        let database = try await TestDatabase.create()
        let listener = try await database.connect()
        try await listener.listen("c")
        let pid: Int32 = try #require(try await listener.query("SELECT pg_backend_pid() AS pid").rows.first)
            .value("pid")
        let waiting = Task { try await listener.notification(timeout: .seconds(600)) }
        try await database.query("SELECT pg_terminate_backend(\(pid))")
        let error = await #expect(throws: DatabaseError.self) { try await waiting.value }
        #expect(error?.isConnectionLost == true)
        await database.close()
    }
}
