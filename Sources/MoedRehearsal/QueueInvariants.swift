package import MoedPostgres

/// Invariants of the queue's tables. They hold at any time, after any sequence of calls.
package enum QueueInvariants {
    /// Query for violations: one row each, described in column `value`, at most twenty rows.
    package static let violations: SQL = """
        SELECT 'a succeeded job without exactly one final ledger row: ' || j.id AS value FROM moed.job j
         WHERE (j.state = 'succeeded') <> ((SELECT count(*) FROM moed.token_ledger l
                                             WHERE l.job_id = j.id AND l.kind = 'final') = 1)
        UNION ALL
        SELECT 'a result that does not fit the state: ' || j.id
          FROM moed.job j LEFT JOIN moed.job_result r ON r.job_id = j.id
         WHERE (j.state = 'succeeded') <> (r.finish_reason IS NOT NULL)
            OR (j.state = 'failed') <> (r.error_code IS NOT NULL)
        UNION ALL
        SELECT 'a running job without a living worker: ' || j.id FROM moed.job j
         WHERE j.state = 'running'
           AND NOT EXISTS (SELECT FROM moed.worker w WHERE w.id = j.leased_by AND w.stopped_at IS NULL)
        UNION ALL
        SELECT 'a history that does not fit the state: ' || j.id FROM moed.job j
         WHERE j.lease_token > 0
           AND (j.state = 'running') = EXISTS (SELECT FROM moed.job_attempt a
                                                WHERE a.job_id = j.id AND a.lease_token = j.lease_token)
        UNION ALL
        SELECT 'an attempt without an end: ' || a.job_id FROM moed.job_attempt a
         WHERE a.ended_at IS NULL OR a.outcome IS NULL
        UNION ALL
        SELECT 'a job without a request: ' || j.id FROM moed.job j
         WHERE NOT EXISTS (SELECT FROM moed.job_request q WHERE q.job_id = j.id)
        UNION ALL
        SELECT 'counts of a batch that differ from its lines: ' || b.id
          FROM moed.batches b CROSS JOIN LATERAL moed.batch_counts(b.id) AS c
         WHERE (b.lines, b.unfinished, b.completed, b.failed, b.cancelled, b.line_errors, b.pruned, b.prompt_tokens,
                b.cached_tokens, b.completion_tokens)
           IS DISTINCT FROM (c.lines, c.unfinished, c.completed, c.failed, c.cancelled, c.line_errors, c.pruned,
                             c.prompt_tokens, c.cached_tokens, c.completion_tokens)
        LIMIT 20
        """
}
