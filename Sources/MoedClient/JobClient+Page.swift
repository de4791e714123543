package import MoedCore
package import MoedPostgres

/// Reports of the page, beside those of `moed status`.
extension JobClient {
    /// The newest batches with their progress.
    package func newestBatches(limit: Int) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT b.id, b.name, coalesce(t.name, '?') AS tenant,
                   CASE WHEN b.sealed_at IS NULL THEN 'validating' WHEN c.unfinished > 0 THEN 'in_progress'
                        ELSE 'ended' END AS status,
                   c.lines, c.unfinished, c.completed, c.failed, c.cancelled, c.line_errors, c.prompt_tokens,
                   c.completion_tokens,
                   moed.utc(b.created_at) AS created
              FROM (SELECT * FROM moed.batch n ORDER BY n.created_at DESC, n.id LIMIT \(limit)) b
              CROSS JOIN LATERAL moed.batch_counts(b.id) AS c
              LEFT JOIN moed.tenant t ON t.id = b.tenant_id
             ORDER BY b.created_at DESC, b.id
            """)
    }

    /// Failed jobs of a week, by code.
    package func failuresByCode() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT r.error_code AS code, count(*) AS jobs, max(j.id) AS latest_job,
                   moed.utc(max(j.finished_at)) AS latest
              FROM moed.job j JOIN moed.job_result r ON r.job_id = j.id
             WHERE j.state = 'failed' AND j.finished_at > clock_timestamp() - interval '7 days'
             GROUP BY r.error_code ORDER BY count(*) DESC, r.error_code LIMIT 50
            """)
    }

    /// Tenants with their shares and budgets, those with the most recent work first.
    package func tenants(limit: Int) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT name, weight, max_running, tokens_today, tokens_per_day, money_per_day, spent_today, may_start,
                   round(recent_jobs::numeric, 1) AS recent_jobs, round(recent_tokens::numeric) AS recent_tokens
              FROM moed.tenants ORDER BY recent_tokens DESC, name LIMIT \(limit)
            """)
    }
}
