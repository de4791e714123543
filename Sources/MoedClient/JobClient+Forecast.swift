package import MoedCore
package import MoedPostgres

extension JobClient {
    /// Waiting and running jobs, by tenant, model and mode, with the tokens it will take.
    ///
    /// Tokens of a job are the mean of the last ten thousand jobs of its model and mode in a week (`basis` is history).
    /// Without any, they are a third of the request's bytes and the upper end of its length class (limit).
    package func forecast() async throws(DatabaseError) -> [JSONObject] {
        try await objects(
            """
            WITH open AS MATERIALIZED (
              SELECT j.tenant_id, j.model_id, coalesce(m.name, j.model_name) AS model, j.mode,
                     count(*) FILTER (WHERE j.state <> 'running') AS waiting,
                     count(*) FILTER (WHERE j.state = 'running') AS running,
                     sum(r.body_bytes / 3) AS prompt_guess,
                     sum(greatest(1, power(2, greatest(j.bucket, 5)) - r.body_bytes / 3)) AS completion_guess
                FROM moed.job j
                LEFT JOIN moed.model m ON m.id = j.model_id
                LEFT JOIN moed.job_request r ON r.job_id = j.id
               WHERE j.finished_at IS NULL GROUP BY 1, 2, 3, 4
            ), past AS MATERIALIZED (
              SELECT coalesce(l.asked_model_id, l.model_id) AS model_id, coalesce(l.asked_mode, l.mode) AS mode,
                     avg(l.prompt_tokens) AS prompt, avg(l.cached_tokens) AS cached,
                     avg(coalesce(l.completion_tokens, l.told_completion_tokens)) AS completion
                FROM (SELECT * FROM moed.token_ledger t
                       WHERE t.kind = 'final' AND t.created_at > clock_timestamp() - interval '7 days'
                       ORDER BY t.created_at DESC LIMIT 10000) l
               GROUP BY 1, 2
            ), rate AS MATERIALIZED (
              SELECT m.id AS model_id, sum(w.tokens_per_second) AS tokens_per_second
                FROM moed.model m JOIN moed.worker w
                  ON m.id = ANY (w.models) AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
               GROUP BY 1
            ), counted AS (
              SELECT o.*, p.completion IS NOT NULL AS is_known, r.tokens_per_second,
                     coalesce(p.prompt * (o.waiting + o.running), o.prompt_guess) AS prompt,
                     coalesce(p.cached * (o.waiting + o.running), 0) AS cached,
                     coalesce(p.completion * (o.waiting + o.running), o.completion_guess) AS completion
                FROM open o LEFT JOIN past p ON p.model_id = o.model_id AND p.mode = o.mode
                LEFT JOIN rate r ON r.model_id = o.model_id
            )
            SELECT coalesce(t.name, '?') AS tenant, c.model, c.mode, c.waiting, c.running,
                   round(c.prompt)::bigint AS prompt_tokens, round(c.completion)::bigint AS completion_tokens,
                   CASE WHEN c.is_known THEN 'history' ELSE 'limit' END AS basis,
                   CASE WHEN c.tokens_per_second > 0
                        THEN least(1e15, ceil(c.completion::float8 / c.tokens_per_second))::bigint END AS seconds_left,
                   round((((c.prompt - c.cached) * p.prompt + c.cached * p.cached)::numeric
                          + c.completion::numeric * p.completion) / 1000000, 6) AS cost
              FROM counted c
              LEFT JOIN moed.tenant t ON t.id = c.tenant_id
              LEFT JOIN LATERAL (
                SELECT q.* FROM moed.price q WHERE q.model = c.model AND q.valid_from <= clock_timestamp()
                 ORDER BY q.valid_from DESC LIMIT 1) p ON true
             ORDER BY 1, 2, 3
            """)
    }
}
