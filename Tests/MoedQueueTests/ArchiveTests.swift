import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Ended jobs move to partitions by month.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct ArchiveTests {
    @Test func endedJobsMoveToTheirMonth() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(4)
        let lease = try #require(try await queue.store.claim(worker, Queue.jobClass, limit: 1).first?.lease)
        _ = try await queue.store.fail(
            [JobFailure(lease: lease, code: "engine_error", message: "no", retryable: false)])
        // The last instant of a month, the first of the next, and one that is too young.
        try await queue.database.run(
            script: """
                UPDATE moed.job SET finished_at = '2026-10-31 23:59:59.999999+00' WHERE id = 1;
                UPDATE moed.job SET state = 'cancelled', finished_at = '2026-11-01 00:00:00+00' WHERE id = 2;
                UPDATE moed.job SET state = 'cancelled', finished_at = now() WHERE id = 3
                """)
        func archive(_ most: Int) async throws -> Int64? {
            try await queue.database.value("SELECT moed.archive_jobs('1 minute', \(most)::int)::bigint AS value")
        }
        #expect(try await archive(1) == 1)
        #expect(try await archive(9) == 1)
        #expect(try await archive(9) == 0)
        let rows = try await queue.database.query(
            """
            SELECT concat_ws(' ', tableoid::regclass, id, state, tenant, model, mode, error, json_typeof(request)) AS value
              FROM moed.archive ORDER BY id
            """
        ).map { try $0.value("value", as: String.self) }
        #expect(
            rows == [
                "moed.archive_2026_10 1 failed default default non_thinking engine_error: no object",
                "moed.archive_2026_11 2 cancelled default default non_thinking object",
            ])
        let left: Int64? = try await queue.database.value("SELECT count(*) AS value FROM moed.job_request")
        #expect(left == 2)
        #expect(try await archive(0) == 0)
        await queue.close()
    }

    /// A dashboard's transaction that reads the archive does not delay the first job of a new month.
    @Test func readersDoNotDelayANewMonth() async throws {
        let queue = try await Queue()
        try await queue.add(1)
        try await queue.database.run(
            script: "UPDATE moed.job SET state = 'cancelled', finished_at = '2026-10-05 00:00:00+00' WHERE id = 1")
        let reader = try await queue.database.connect()
        try await reader.run(script: "BEGIN; SELECT FROM moed.archive")
        let moved: Int64? = try await queue.database.value("SELECT moed.archive_jobs('1 minute')::bigint AS value")
        #expect(moved == 1)
        try await reader.run(script: "COMMIT")
        await reader.close()
        await queue.close()
    }
}
