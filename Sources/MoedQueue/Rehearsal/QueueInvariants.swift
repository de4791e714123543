package import MoedPostgres

/// What must hold at any time, whoever did what.
package enum QueueInvariants {
    /// A row, column `value`, for each thing that is broken; twenty are enough.
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
        SELECT 'an open attempt that does not fit the state: ' || j.id FROM moed.job j
         WHERE (SELECT count(*) FROM moed.job_attempt a WHERE a.job_id = j.id AND a.ended_at IS NULL)
               <> CASE j.state WHEN 'running' THEN 1 ELSE 0 END
        UNION ALL
        SELECT 'a job without a request: ' || j.id FROM moed.job j
         WHERE NOT EXISTS (SELECT FROM moed.job_request q WHERE q.job_id = j.id)
        LIMIT 20
        """
}
