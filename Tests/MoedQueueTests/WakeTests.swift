import Foundation
import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct WakeTests {
    @Test func onlyAnIdleWorkerIsNotified() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let listener = try await JobListener.connect(conninfo: queue.database.conninfo)
        try await queue.add(1)
        #expect(try await listener.next(timeout: .milliseconds(200)) == false)
        #expect(try await queue.store.beat(worker, WorkerBeat(lease: Queue.lease, idle: true)))
        try await queue.add(3)
        #expect(try await listener.next(timeout: .seconds(600)) == true)
        // Three rows, one transaction, one notification.
        #expect(try await listener.next(timeout: .milliseconds(100)) == false)
        try await queue.database.query("UPDATE moed.worker SET expires_at = now() - interval '1 s'")
        try await queue.add(1)
        #expect(try await listener.next(timeout: .milliseconds(100)) == false)
        await listener.close()
        await queue.close()
    }

    @Test func promotionReleaseAndRedriveWake() async throws {
        let queue = try await Queue()
        let (idle, busy) = (try await queue.worker(), try await queue.worker())
        let id = try await queue.add(1)[0]
        let claimed = try await queue.store.claim(busy, Queue.jobClass, limit: 1)
        _ = try await queue.store.beat(idle, WorkerBeat(lease: Queue.lease, idle: true))
        let listener = try await JobListener.connect(conninfo: queue.database.conninfo)
        _ = try await queue.store.release([JobRelease(lease: claimed[0].lease)])
        #expect(try await listener.next(timeout: .seconds(600)))
        try await queue.database.query("SELECT moed.cancel(\(id.rawValue))")
        try await queue.database.query("SELECT moed.redrive(\(id.rawValue))")
        #expect(try await listener.next(timeout: .seconds(600)))
        try await queue.database.run(
            script: "UPDATE moed.job SET state = 'scheduled', run_at = now() - interval '1 s'")
        #expect(try await queue.store.promote() == 1)
        #expect(try await listener.next(timeout: .seconds(600)))
        await listener.close()
        await queue.close()
    }

    @Test func everyJobWakesWhoeverListens() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        _ = try await queue.store.beat(worker, WorkerBeat(lease: Queue.lease, idle: true))
        let listener = try await JobListener.connect(conninfo: queue.database.conninfo)
        for _ in 0..<50 {
            try await queue.add(1)
            #expect(try await listener.next(timeout: .seconds(600)))
            #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1).count == 1)
        }
        await listener.close()
        await queue.close()
    }

    @Test func waitingForAJobInSQL() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1)[0]
        let early: String? = try await queue.database.value(
            "SELECT moed.wait(\(id.rawValue), '50 ms') AS value")
        #expect(early == "queued")
        let nobody: String? = try await queue.database.value("SELECT moed.wait(99999) AS value")
        #expect(nobody == nil)
        async let state: String? = queue.database.value("SELECT moed.wait(\(id.rawValue)) AS value")
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        _ = try await queue.store.complete([JobCompletion(claimed[0].lease)])
        #expect(try await state == "succeeded")
        await queue.close()
    }

    @Test func aLostConnectionIsSaidAndAnotherGoesOn() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(1)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 1)
        try await queue.database.run(
            script:
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        let error = await #expect(throws: QueueError.self) {
            try await queue.store.complete([JobCompletion(claimed[0].lease)])
        }
        #expect(error?.isConnectionLost == true)
        let store = try await Queue.store(queue.database)
        #expect(try await store.beat(worker, WorkerBeat(lease: Queue.lease, idle: false)))
        #expect(try await store.complete([JobCompletion(claimed[0].lease)]) == [.committed])
        #expect(try await queue.violations() == [])
        await store.close()
        await queue.database.close()
    }

    /// T7: the other side is still connected and says nothing, as behind a firewall that forgot the connection.
    @Test(.enabled(if: getuid() == 0, "stops a process of the server"))
    func aListenerNoticesSilence() async throws {
        let queue = try await Queue()
        let listener = try await JobListener.connect(conninfo: queue.database.conninfo)
        #expect(!listener.isPooled)
        let pid: Int = try #require(
            try await queue.database.value(
                """
                SELECT pid AS value FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'moed listen'
                """))
        #expect(kill(pid_t(pid), SIGSTOP) == 0)
        // The listener sends a query after 10 s of silence and waits 5 s for the answer. A listener that misses the
        // loss would return false after two minutes.
        let error = await #expect(throws: QueueError.self) {
            _ = try await listener.next(timeout: .seconds(600))
        }
        #expect(error?.isConnectionLost == true)
        // Jobs are found meanwhile.
        let worker = try await queue.worker()
        try await queue.add(1)
        #expect(try await queue.store.claim(worker, Queue.jobClass, limit: 1).count == 1)
        #expect(kill(pid_t(pid), SIGCONT) == 0)
        await listener.close()
        await queue.close()
    }
}
