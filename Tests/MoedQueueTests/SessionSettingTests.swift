import MoedPostgres
import TestSupport
import Testing

/// Functions and views give the same under any setting of the session.
@Suite(.enabled(if: PostgresServer.binaries != nil, Comment(rawValue: PostgresServer.missing)))
struct SessionSettingTests {
    private static let settings = [
        "standard_conforming_strings = off", "DateStyle = 'German, DMY'", "IntervalStyle = sql_standard",
        "extra_float_digits = -15", "bytea_output = escape", "search_path = ''", "search_path = trap",
        "TimeZone = 'Asia/Kathmandu'", "transform_null_equals = on", "array_nulls = off",
        "quote_all_identifiers = on",
        "backslash_quote = off", "default_transaction_isolation = 'repeatable read'",
        "plan_cache_mode = force_generic_plan",
        "plpgsql.extra_errors = 'all'", "plpgsql.variable_conflict = use_variable",
        "check_function_bodies = off",
        "enable_seqscan = off", "xmloption = document",
    ]

    /// Calls of every function and view of a client or operator. Literals are dollar-quoted: they are the caller's.
    private static let calls = [
        """
        SELECT moed.enqueue(prompt => $$a\\b$$, system => 's', temperature => 0.1, stop_token_ids => ARRAY[1, 2],
          stop => ARRAY[$$x\\$$], priority => 1e9, run_at => '2100-01-02 03:04:05+00', expires_at => '2100-02-01 00:00:00+00',
          params => $${"x":1.5}$$, reasoning => 'thinking', model => 'm', idempotency_key => 'k') AS value
        """,
        "SELECT body AS value FROM moed.job_request",
        """
        SELECT moed.enqueue_many(ARRAY[$${"messages":[]}$$, $${"a":"\\u0000","model":"x"}$$, $${"max_tokens":"\\\\u"}$$]::json[])
          AS value
        """,
        """
        INSERT INTO moed.jobs (prompt, priority, max_attempts, stop_token_ids, mode, temperature)
        VALUES ('x', 40000, 100000, ARRAY[3000000000], 'perhaps', 'NaN') RETURNING id AS value
        """,
        """
        SELECT moed.import_batch('b', $${"custom_id":"a\\\\u0000","body":{"messages":[{"role":"user","content":"\\u0000 \\\\u0000"}]}}
        {"custom_id":"b","body":{"x":NaN}}
        {"custom_id":"c","body":{"messages":"\\\\"},"method":"POST"}$$, completion_window => '1 day 2 hours',
          reasoning => 'non_thinking', model => 'mm') IS NULL AS value
        """,
        "SELECT concat_ws(' ', line, custom_id, error_code, error_message, error_param) AS value FROM moed.batch_line ORDER BY line",
        """
        SELECT q.body::text AS value FROM moed.batch_line l JOIN moed.job_request q ON q.job_id = l.job_id ORDER BY line
        """,
        "SELECT moed.cancel_batch(id) AS value FROM moed.batch",
        "SELECT l::json ->> 'custom_id' AS value FROM moed.batch, moed.export_batch(id) AS l",
        "SELECT moed.cancel(1) AS value", "SELECT moed.why(1) ~ '^It was cancelled at 2.* UTC' AS value",
        "SELECT moed.redrive(1) AS value", "SELECT moed.why(2) AS value",
        "SELECT moed.pause('all') AS value", "SELECT moed.pauses() AS value",
        "SELECT moed.resume('all') AS value",
        "SELECT moed.expired_message('2026-01-02 03:04:05+00') AS value",
        "SELECT (paused, over_budget, unserved_models)::text AS value FROM moed.health",
        "SELECT (tenant, model, waiting, cancelled)::text AS value FROM moed.progress ORDER BY 1",
        "SELECT (status, lines, cancelled, line_errors)::text AS value FROM moed.batches",
        "SELECT (prompt, warning, priority, max_attempts, mode, stop)::text AS value FROM moed.jobs ORDER BY id",
        "SELECT (model, mode, bucket, state, jobs)::text AS value FROM moed.queue_stats ORDER BY 1",
        "SELECT moed.prune('100 years') AS value", "SELECT moed.wait(1, '0') AS value",
        "SELECT moed.fold_usage() AS value",
        "SELECT moed.register_model('z') > 0 AS value",
        "SELECT count(*) AS value FROM moed.usage_daily, moed.cost_daily",
        "SELECT moed.vacuum_holders() IS NULL AS value LIMIT 0",
    ]

    private func answers(_ setting: String?) async throws -> [String] {
        let database = try await QueueDatabase.create()
        let connection = try await database.connect()
        try await connection.run(script: "CREATE SCHEMA trap")
        if let setting { try await connection.run(script: "SET \(setting)") }
        var answers: [String] = []
        for call in Self.calls {
            let rows = try await connection.run(script: call).rows
            answers.append(
                try rows.map { try $0.optional("value", as: String.self) ?? "NULL" }.joined(separator: "\n"))
        }
        await connection.close()
        await database.close()
        return answers
    }

    @Test(arguments: settings) func theAnswersAreThoseOfTheDefaults(setting: String) async throws {
        let (expected, found) = (try await answers(nil), try await answers(setting))
        for (index, call) in Self.calls.enumerated() {
            #expect(found[index] == expected[index], "\(setting): \(call)")
        }
        #expect(expected[1].contains(#""content":"a\\b""#))
        #expect(expected[5].contains(#"1 a\u0000"#) && expected[5].contains("at byte 32"))
    }
}
