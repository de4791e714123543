package import MoedCore
package import MoedPostgres

/// Reports of the page, beside those of `moed status`. Each finds its rows by an index, however many jobs have ended.
///
/// Conditions on times name `now()`: with the changing `clock_timestamp()` no index serves them.
extension JobClient {
    /// Jobs that have not ended, a state after the other: each has an index of its own.
    private static let open: SQL = """
        SELECT q.tenant_id, q.model_id, q.model_name, q.mode, q.state, q.created_at, q.run_at
          FROM moed.job q WHERE q.state = 'queued'
        UNION ALL
        SELECT s.tenant_id, s.model_id, s.model_name, s.mode, s.state, s.created_at, s.run_at
          FROM moed.job s WHERE s.state = 'scheduled'
        UNION ALL
        SELECT r.tenant_id, r.model_id, r.model_name, r.mode, r.state, r.created_at, r.run_at
          FROM moed.job r WHERE r.state = 'running'
        """

    /// Jobs that ran and ended in the last ten minutes.
    private static let recent: SQL = """
        SELECT j.tenant_id, j.model_id, j.model_name, j.started_at FROM moed.job j
         WHERE j.finished_at > now() - interval '10 minutes'
           AND j.state IN ('succeeded', 'failed') AND j.started_at IS NOT NULL
        """

    /// The present in one row: waiting and running jobs, rates, and the time that the queue takes at that rate.
    ///
    /// - Parameter open: rows of `openJobs()`.
    package func present(_ open: [JSONObject]) async throws(DatabaseError) -> JSONObject {
        func sum(_ isRunning: Bool) -> Int {
            open.filter { ($0["state"]?.string == "running") == isRunning }
                .reduce(0) { $0.addingReportingOverflow($1["jobs"]?.integer ?? 0).partialValue }
        }
        let (waiting, running) = (sum(false), sum(true))
        return try await objects(
            """
            SELECT \(waiting) AS waiting, \(running) AS running, round(e.jobs / 10.0, 1) AS jobs_per_minute,
                   w.tokens_per_second,
                   CASE WHEN \(waiting) + \(running) = 0 THEN 0
                        WHEN e.jobs > 0 THEN ((\(waiting) + \(running)) * 600 / e.jobs)::bigint END AS seconds_left
              FROM (SELECT count(*) AS jobs FROM (\(Self.recent)) r) e,
                   (SELECT coalesce(round(sum(w.tokens_per_second)::numeric, 1), 0) AS tokens_per_second
                      FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) w
            """
        ).first ?? JSONObject()
    }

    /// Jobs that have not ended, by model, mode and state.
    package func openJobs() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT coalesce(m.name, u.model_name) AS model, u.mode, u.state, count(*) AS jobs,
                   extract(epoch FROM clock_timestamp() - min(greatest(u.created_at, u.run_at))
                             FILTER (WHERE u.state <> 'scheduled'))::bigint AS oldest_seconds
              FROM (\(Self.open)) u LEFT JOIN moed.model m ON m.id = u.model_id
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            """)
    }

    /// Work that is left by tenant and model, the largest first.
    package func backlog(limit: Int) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT coalesce(t.name, '?') AS tenant, coalesce(m.name, u.model_name) AS model, u.waiting, u.running,
                   round(coalesce(e.jobs, 0) / 10.0, 1) AS jobs_per_minute,
                   ((u.waiting + u.running) * 600 / e.jobs)::bigint AS seconds_left
              FROM (SELECT o.tenant_id, o.model_id, o.model_name,
                           count(*) FILTER (WHERE o.state <> 'running') AS waiting,
                           count(*) FILTER (WHERE o.state = 'running') AS running
                      FROM (\(Self.open)) o GROUP BY 1, 2, 3) u
              LEFT JOIN (SELECT r.tenant_id, r.model_id, r.model_name, count(*) AS jobs
                           FROM (\(Self.recent)) r GROUP BY 1, 2, 3) e
                ON e.tenant_id = u.tenant_id AND e.model_id = u.model_id
                   AND e.model_name IS NOT DISTINCT FROM u.model_name
              LEFT JOIN moed.tenant t ON t.id = u.tenant_id
              LEFT JOIN moed.model m ON m.id = u.model_id
             ORDER BY u.waiting + u.running DESC, 1, 2 LIMIT \(limit)
            """)
    }

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
             WHERE j.state = 'failed' AND j.finished_at > now() - interval '7 days'
             GROUP BY r.error_code ORDER BY count(*) DESC, r.error_code LIMIT 50
            """)
    }

    /// Tenants with their shares and budgets, those with the most recent work first.
    package func tenants(limit: Int) async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            SELECT name, weight, paused_at IS NOT NULL AS paused, max_running, tokens_today, tokens_per_day,
                   money_per_day, spent_today, may_start,
                   round(recent_jobs::numeric, 1) AS recent_jobs, round(recent_tokens::numeric) AS recent_tokens
              FROM moed.tenants ORDER BY recent_tokens DESC, name LIMIT \(limit)
            """)
    }
}
