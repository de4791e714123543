import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// The history by minutes that the page shows.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct MinuteSampleTests {
    private static let columns: SQL = """
        concat_ws(' ', prompt_tokens, cached_tokens, completion_tokens, wasted_tokens, succeeded, failed, cancelled, queued,
                  running, endpoints)
        """

    private static let minuteEnd: SQL = "date_trunc('minute', clock_timestamp() - interval '3 s', 'UTC')"

    /// Moves what just happened into the minute that ended last, and adds its sample twice. When another minute ends
    /// meanwhile, everything is done again.
    private func samples(_ queue: Queue) async throws -> [Bool] {
        while true {
            let before: String? = try await queue.database.value("SELECT \(Self.minuteEnd)::text AS value")
            try await queue.database.query(
                "UPDATE moed.token_ledger SET created_at = \(Self.minuteEnd) - interval '30 s'")
            try await queue.database.query(
                "UPDATE moed.job SET finished_at = \(Self.minuteEnd) - interval '30 s' WHERE finished_at IS NOT NULL")
            var added: [Bool] = []
            for _ in 0..<2 {
                let isNew: Bool? = try await queue.database.value("SELECT moed.add_sample() AS value")
                added.append(isNew == true)
            }
            let after: String? = try await queue.database.value("SELECT \(Self.minuteEnd)::text AS value")
            if before == after { return added }
            try await queue.database.query("DELETE FROM moed.minute_sample")
        }
    }

    @Test func aMinuteHasItsTokensEndsAndDepths() async throws {
        let queue = try await Queue()
        let worker = try await queue.worker()
        try await queue.add(6)
        let claimed = try await queue.store.claim(worker, Queue.jobClass, limit: 4)
        _ = try await queue.store.complete(claimed.prefix(2).map { JobCompletion($0.lease) })
        _ = try await queue.store.fail(
            [JobFailure(lease: claimed[2].lease, code: "c", message: "m", retryable: false)])
        try await queue.database.run(
            script: """
                INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens, cached_tokens,
                  thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms)
                VALUES (900, 1, 'final', 1, 1, 'thinking', 100, 40, 3, 0, 4, 0, 1), (901, 1, 'wasted', 1, 1, 'thinking', 50, 0, 5, 0, 5, 0, 1);
                INSERT INTO moed.endpoint_state (worker_id, endpoint, place, api, model, state, since, in_flight, max_in_flight,
                  tokens_per_second, requests, tokens, errors)
                SELECT w.id, 'gpu ' || n, n, 'tokens', 'm', 'up', now(), 2, 4, 8.25, 0, 0, '{}'
                  FROM moed.worker w, generate_series(1, 9) AS n WHERE n <> 5
                """)
        // The minute is there after the first call, so a second worker adds nothing.
        #expect(try await samples(queue) == [true, false])
        let expected: String? = try await queue.database.value(
            """
            SELECT concat_ws(' ', sum(prompt_tokens - cached_tokens) FILTER (WHERE kind = 'final'),
                             sum(cached_tokens) FILTER (WHERE kind = 'final'), sum(completion_tokens) FILTER (WHERE kind = 'final'),
                             sum(total_tokens) FILTER (WHERE kind = 'wasted'), 2, 1, 0, 2, 1) AS value FROM moed.token_ledger
            """)
        let found: String = try #require(
            try await queue.database.value("SELECT \(Self.columns) AS value FROM moed.minute_sample"))
        let wanted = try #require(expected)
        #expect(found.hasPrefix(wanted), "\(found)")
        #expect(found.contains("\"gpu 1\" : [8.3, 2]") && found.contains("\"gpu 9\""), "\(found)")
        await queue.close()
    }

    /// A row that another transaction adds is left to it.
    @Test func noTransactionKeepsAWorkerWaiting() async throws {
        let queue = try await Queue()
        let held = try await HeldTransaction.begin(
            in: queue.database,
            """
            INSERT INTO moed.minute_sample SELECT date_trunc('minute', clock_timestamp(), 'UTC') + n * interval '1 minute',
              0, 0, 0, 0, 0, 0, 0, 0, 0 FROM generate_series(-2, 600) AS n
            """)
        #expect(try await queue.database.value("SELECT moed.add_sample() AS value") == false)
        _ = try await queue.store.maintain(.sample)
        try await held.end()
        await queue.close()
    }

    @Test func aWeekIsKept() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                INSERT INTO moed.minute_sample
                SELECT date_trunc('minute', now(), 'UTC') - n * interval '1 hour', 1, 1, 1, 1, 1, 1, 1, 1, 1
                  FROM generate_series(1, 200) AS n
                """)
        _ = try await queue.store.maintain(.sample)
        let old: Int64? = try await queue.database.value(
            "SELECT count(*) AS value FROM moed.minute_sample WHERE at < now() - interval '169 hours'")
        let kept: Int64? = try await queue.database.value("SELECT count(*) AS value FROM moed.minute_sample")
        let isInRange = kept.map { (167...169).contains($0) }
        #expect(old == 0 && isInRange == true)
        await queue.close()
    }

    /// A day of the widest rows takes less than a megabyte, its index included.
    @Test func aDayIsSmall() async throws {
        let queue = try await Queue()
        try await queue.database.run(
            script: """
                INSERT INTO moed.minute_sample
                SELECT now() - n * interval '1 minute', 9e9, 9e9, 9e9, 9e9, 2e9, 2e9, 2e9, 2e9, 2e9,
                       (SELECT json_object_agg(repeat('x', 23) || e, json_build_array(123456.7, 10000)) FROM generate_series(1, 8) AS e)
                  FROM generate_series(1, 1440) AS n
                """)
        let bytes: Int64 = try #require(
            try await queue.database.value("SELECT pg_total_relation_size('moed.minute_sample') AS value"))
        #expect(bytes < 1_000_000)
        await queue.close()
    }
}
