import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Requests to cancel that wait in `moed.cancel_request`.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct CancelTests {
    private func requests(_ queue: Queue) async throws -> Int? {
        try await queue.database.value("SELECT count(*) AS value FROM moed.cancel_request")
    }

    private func cancel(_ queue: Queue, _ job: JobID) async throws -> String? {
        try await queue.database.value("SELECT moed.cancel(\(job.rawValue)) AS value")
    }

    /// The job ended before the request was committed: its end stands, and the request goes.
    @Test func aRequestAfterTheEndIsDropped() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1)[0]
        let job = try await queue.store.claim(worker, Queue.jobClass, limit: 1)[0]
        let held = try await HeldTransaction.begin(in: queue.database, "SELECT moed.cancel(\(id))")
        #expect(try await queue.store.toBeStopped(worker) == [])
        #expect(try await queue.store.complete([JobCompletion(job.lease)]) == [.committed])
        try await held.end()
        #expect(try await requests(queue) == 1)
        #expect(try await queue.store.maintain() == MaintenanceReport())
        #expect(try await queue.state(id) == "succeeded")
        #expect(try await requests(queue) == 0)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    /// The job returned to the queue before the request was committed: maintenance cancels it, or its next worker.
    @Test(arguments: [true, false])
    func aRequestAfterAReturnEndsTheWaitingJob(claimedAgain: Bool) async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1)[0]
        let job = try await queue.store.claim(worker, Queue.jobClass, limit: 1)[0]
        let held = try await HeldTransaction.begin(in: queue.database, "SELECT moed.cancel(\(id))")
        #expect(try await queue.store.release([JobRelease(lease: job.lease)]) == [.committed])
        try await held.end()
        if claimedAgain {
            let again = try await queue.store.claim(worker, Queue.jobClass, limit: 1)[0]
            #expect(try await queue.store.toBeStopped(worker) == [id])
            #expect(try await queue.store.release([JobRelease(lease: again.lease)]) == [.committed])
        } else {
            #expect(try await queue.store.maintain().cancelled == 1)
        }
        #expect(try await queue.state(id) == "cancelled")
        _ = try await queue.store.maintain()
        #expect(try await requests(queue) == 0)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    /// Another transaction holds the waiting job's row: the second canceller leaves a request and does not wait.
    @Test(arguments: ["COMMIT", "ROLLBACK"])
    func twoCancellersDoNotWait(end: String) async throws {
        let queue = try await Queue()
        let id = try await queue.add(1)[0]
        let held = try await HeldTransaction.begin(in: queue.database, "SELECT moed.cancel(\(id))")
        try await queue.database.run(script: "SET lock_timeout = '20ms'")
        #expect(try await cancel(queue, id) == "requested")
        #expect(try await cancel(queue, id) == "requested")
        #expect(try await requests(queue) == 1)
        try await held.end(end)
        _ = try await queue.store.maintain()
        #expect(try await queue.state(id) == "cancelled")
        _ = try await queue.store.maintain()
        #expect(try await requests(queue) == 0)
        await queue.close()
    }

    /// Two open transactions ask for the same running job: neither waits.
    @Test func twoRequestsDoNotWait() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1)[0]
        let job = try await queue.store.claim(worker, Queue.jobClass, limit: 1)[0]
        let held = try await HeldTransaction.begin(in: queue.database, "SELECT moed.cancel(\(id))")
        try await queue.database.run(script: "SET lock_timeout = '20ms'")
        #expect(try await cancel(queue, id) == "requested")
        #expect(try await queue.store.toBeStopped(worker) == [id])
        #expect(
            try await queue.store.checkpoint(
                [JobCheckpoint(lease: job.lease, choice: 0, firstToken: 0, tokens: [1])], computedBy: "x")
                == CheckpointAnswer())
        try await held.end()
        #expect(try await queue.store.release([JobRelease(lease: job.lease)]) == [.committed])
        #expect(try await queue.state(id) == "cancelled")
        #expect(try await requests(queue) == 2)
        // Run again, it is not cancelled by an old request.
        #expect(try await queue.database.value("SELECT moed.redrive(\(id.rawValue)) AS value") == true)
        #expect(try await requests(queue) == 0)
        await queue.close()
    }
}
