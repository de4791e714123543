import MoedCore
import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// Counts of batches, kept while jobs end. `Queue.violations` compares them with the lines.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct BatchCountTests {
    private static let key = SHA256.hexadecimal("sk-test")

    private static func failure(_ lease: JobLease) -> JobFailure {
        JobFailure(lease: lease, code: "invalid_value", message: "n is bad", retryable: false)
    }

    private func importing(_ queue: Queue, _ lines: Int) async throws -> String {
        let text = (1...lines).map { BatchTests.line("\($0)") }.joined(separator: "\n")
        return try #require(
            try await queue.database.value(
                "SELECT moed.import_batch('n', \(text), reasoning => 'non_thinking', tenant => 'app')::text AS value"))
    }

    private func jobClass(_ queue: Queue) async throws -> JobClass {
        let bucket: Int? = try await queue.database.value("SELECT max(bucket)::bigint AS value FROM moed.job")
        return JobClass(model: "default", mode: .nonThinking, bucket: try #require(bucket))
    }

    private func counts(_ queue: Queue, _ batch: String) async throws -> String? {
        try await queue.database.value(
            """
            SELECT concat_ws(' ', lines, line_errors, unfinished, completed, failed, expired, cancelled, pruned, attempts) AS value
              FROM moed.batch_counts(\(batch)::uuid)
            """)
    }

    /// What the gateway shows.
    private func shown(_ queue: Queue) async throws -> String? {
        try await queue.database.value(
            """
            SELECT concat_ws(' ', status, total, completed, failed, prompt_tokens, completion_tokens, reasoning_tokens, model,
                             has_output, has_errors, finished_at IS NOT NULL) AS value FROM moed.api_batches(\(Self.key))
            """)
    }

    @Test func everyWayOfAJobIsCounted() async throws {
        let queue = try await Queue()
        let database = queue.database
        let batch = try await importing(queue, 6)
        try await database.query("SELECT moed.create_key('app', \(Self.key), 'sk')")
        #expect(try await counts(queue, batch) == "6 0 6 0 0 0 0 0 0")
        #expect(try await shown(queue) == "in_progress 6 0 0 0 0 0 default f f f")
        let worker = try await queue.worker()
        let claimed = try await queue.store.claim(worker, try await jobClass(queue), limit: 3)
        try #require(claimed.count == 3)
        _ = try await queue.store.complete([JobCompletion(claimed[0].lease), JobCompletion(claimed[1].lease)])
        _ = try await queue.store.fail([Self.failure(claimed[2].lease)])
        #expect(try await counts(queue, batch) == "6 0 3 2 1 0 0 0 2")
        #expect(try await queue.violations() == [])
        try await database.query("SELECT moed.fold_usage()")
        #expect(try await database.value("SELECT count(*) AS value FROM moed.batch_delta", as: Int64.self) == 0)
        #expect(try await counts(queue, batch) == "6 0 3 2 1 0 0 0 2")
        #expect(try await queue.violations() == [])
        // Queued again, then expired, then pruned.
        try await database.query("SELECT moed.redrive_jobs(batch => \(batch)::uuid)")
        #expect(try await counts(queue, batch) == "6 0 4 2 0 0 0 0 2")
        try await database.query("UPDATE moed.job SET expires_at = now() - interval '1 s' WHERE finished_at IS NULL AND id = 4")
        _ = try await queue.store.expire()
        #expect(try await counts(queue, batch) == "6 0 3 2 1 1 0 0 2")
        try await database.query("SELECT moed.cancel_batch(\(batch)::uuid)")
        #expect(try await counts(queue, batch) == "6 0 0 2 1 1 3 0 2")
        #expect(try await shown(queue) == "cancelled 6 2 4 10 18 10 default t t t")
        #expect(try await queue.violations() == [])
        try await database.query("SELECT moed.prune('0 s', 4)")
        try await database.query("SELECT moed.fold_batches()")
        #expect(try await counts(queue, batch)?.hasSuffix(" 4 2") == true)
        #expect(try await queue.violations() == [])
        // Nothing is left of a batch that is deleted.
        try await database.query("DELETE FROM moed.batch")
        #expect(try await database.value("SELECT count(*) AS value FROM moed.batch_count", as: Int64.self) == 0)
        await queue.close()
    }

    /// A deadline makes a batch expired, and a batch of which no job ran failed.
    @Test func theStatusFollowsFromTheCounts() async throws {
        let queue = try await Queue()
        _ = try await importing(queue, 2)
        try await queue.database.query("SELECT moed.create_key('app', \(Self.key), 'sk')")
        let worker = try await queue.worker()
        let claimed = try await queue.store.claim(worker, try await jobClass(queue), limit: 2)
        try #require(claimed.count == 2)
        _ = try await queue.store.fail(claimed.map { Self.failure($0.lease) })
        #expect(try await shown(queue) == "failed 2 0 2 0 0 0 default f t t")
        try await queue.database.query("SELECT moed.redrive_jobs(tenant => 'app')")
        try await queue.database.query("UPDATE moed.job SET expires_at = now() - interval '1 s'")
        _ = try await queue.store.expire()
        #expect(try await shown(queue) == "expired 2 0 2 0 0 0 default f t t")
        await queue.close()
    }

    /// A poll reads as many pages of a large batch as of a small one.
    @Test func aPollReadsAFewPages() async throws {
        let queue = try await Queue()
        try await queue.database.query("SELECT moed.create_key('app', \(Self.key), 'sk')")
        _ = try await importing(queue, 5000)
        try await queue.database.query("SELECT moed.fold_batches()")
        try await queue.database.run(script: "ANALYZE")
        func pages() async throws -> Int64? {
            try await queue.database.value(
                """
                SELECT (pg_stat_get_xact_blocks_fetched('moed.job'::regclass)
                      + pg_stat_get_xact_blocks_fetched('moed.batch_line'::regclass)) AS value
                """)
        }
        try await queue.database.run(script: "BEGIN")
        let before = try #require(try await pages())
        try await queue.database.query("SELECT * FROM moed.api_batches(\(Self.key))")
        let read = try #require(try await pages()) - before
        try await queue.database.run(script: "ROLLBACK")
        #expect(read < 50, "\(read)")
        await queue.close()
    }
}
