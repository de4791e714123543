import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct CheckpointTests {
    func checkpoint(_ lease: JobLease, _ first: Int, _ tokens: [TokenID], choice: Int = 0) -> JobCheckpoint {
        JobCheckpoint(lease: lease, choice: choice, firstToken: first, tokens: tokens)
    }

    func pieces(_ queue: Queue) async throws -> Int64? {
        try await queue.database.value("SELECT count(*) AS value FROM moed.job_checkpoint", as: Int64.self)
    }

    @Test func whatWasKeptComesWithTheNextClaim() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.add(2)
        let first = try await queue.store.claim(worker, Queue.jobClass, limit: 2, computedBy: "m")
        #expect(first.map(\.saved) == [[:], [:]])
        let lease = first[0].lease
        let written = [
            checkpoint(lease, 0, [5, 6]), checkpoint(lease, 0, [1], choice: 1),
            checkpoint(first[1].lease, 0, [9]),
        ]
        #expect(try await queue.store.checkpoint(written, computedBy: "m").written == Set(ids))
        // The pieces are written again, as after a lost answer. Further pieces follow; the last one comes after a gap.
        #expect(try await queue.store.checkpoint(written, computedBy: "m").written == Set(ids))
        let further = [
            checkpoint(lease, 2, [7, 2_147_483_647]), checkpoint(lease, 4, [8]), checkpoint(lease, 9, [8]),
        ]
        #expect(try await queue.store.checkpoint(further, computedBy: "m").written == [ids[0]])
        _ = try await queue.store.release(first.map { JobRelease(lease: $0.lease) })

        let other = try await queue.store.claim(worker, Queue.jobClass, limit: 2, computedBy: "another model")
        #expect(other.map(\.saved) == [[:], [:]])
        _ = try await queue.store.release(other.map { JobRelease(lease: $0.lease) })
        let second = try await queue.store.claim(worker, Queue.jobClass, limit: 2, computedBy: "m")
        #expect(second.map(\.saved) == [[0: [5, 6, 7, 2_147_483_647, 8], 1: [1]], [0: [9]]])
        #expect(
            try await queue.store.complete(second.map { JobCompletion($0.lease) }) == [
                .committed, .committed,
            ])
        #expect(try await pieces(queue) == 0)
        #expect(try await queue.violations() == [])
        await queue.close()
    }

    @Test func anotherOriginWritesOver() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let id = try await queue.add(1)[0]
        for (origin, tokens) in [("a", [1, 2]), ("b", [3])] as [(String, [TokenID])] {
            let lease = try await queue.store.claim(worker, Queue.jobClass, limit: 1, computedBy: origin)[0]
                .lease
            #expect(
                try await queue.store.checkpoint([checkpoint(lease, 0, tokens)], computedBy: origin).written == [id])
            _ = try await queue.store.release([JobRelease(lease: lease)])
        }
        #expect(
            try await queue.store.claim(worker, Queue.jobClass, limit: 1, computedBy: "b")[0].saved == [0: [3]])
        await queue.close()
    }

    @Test func aFencedOffOrCancelledJobIsNotInTheAnswer() async throws {
        let queue = try await Queue()
        let (first, second) = (try await queue.worker(), try await queue.worker())
        let ids = try await queue.add(2)
        let old = try await queue.store.claim(first, Queue.jobClass, limit: 2, computedBy: "m")
        #expect(
            try await queue.database.value(
                "SELECT moed.cancel(\(ids[1].rawValue)) AS value", as: String.self) == "requested")
        let writes = old.map { checkpoint($0.lease, 0, [1]) }
        #expect(try await queue.store.checkpoint(writes, computedBy: "m").written == [ids[0]])
        try await queue.expire(first)
        #expect(
            try await queue.store.rescue() == RescueReport(workers: 1, requeued: 1, failed: 0, cancelled: 1))
        let zombie = [checkpoint(old[0].lease, 1, [66])]
        #expect(try await queue.store.checkpoint(zombie, computedBy: "m").written == [])
        let new = try await queue.store.claim(second, Queue.jobClass, limit: 2, computedBy: "m")
        #expect(new.map(\.saved) == [[0: [1]]])
        #expect(try await queue.store.checkpoint(zombie, computedBy: "m").written == [])
        #expect(try await pieces(queue) == 1)
        // A final failure leaves nothing behind.
        let failure = JobFailure(lease: new[0].lease, code: "engine_error", message: "m", retryable: false)
        #expect(try await queue.store.fail([failure]) == [.committed])
        #expect(try await pieces(queue) == 0)
        await queue.close()
    }

    /// Workers write no malformed rows; manually edited rows may be malformed.
    @Test(arguments: ["{1,NULL}", "{{1,2},{3,4}}"])
    func aDamagedCheckpointFailsItsJobAlone(pieces damaged: String) async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        let ids = try await queue.add(2)
        let first = try await queue.store.claim(worker, Queue.jobClass, limit: 2, computedBy: "m")
        _ = try await queue.store.checkpoint(first.map { checkpoint($0.lease, 0, [1, 2]) }, computedBy: "m")
        _ = try await queue.store.release(first.map { JobRelease(lease: $0.lease) })
        try await queue.database.query(
            "UPDATE moed.job_checkpoint SET token_ids = \(damaged)::int[] WHERE job_id = \(ids[0].rawValue)")
        let second = try await queue.store.claim(worker, Queue.jobClass, limit: 2, computedBy: "m")
        #expect(second.map(\.id) == [ids[1]])
        #expect(second.map(\.saved) == [[0: [1, 2]]])
        #expect(try await queue.state(ids[0]) == "failed")
        let error: String? = try await queue.database.value(
            "SELECT error AS value FROM moed.jobs WHERE id = \(ids[0].rawValue)")
        #expect(error == "engine_error: malformed checkpoint pieces: a token id is no 32-bit integer")
        #expect(try await pieces(queue) == 1)
        #expect(try await queue.violations() == [])
        await queue.close()
    }
}
