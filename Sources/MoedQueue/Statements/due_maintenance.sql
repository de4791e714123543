-- due_maintenance: finds the steps of maintenance that have something to do. One row, a column per step.
--
-- Tenants with scheduled jobs, and those with deadlines, are found by jumping through an index. A step is due once one of
-- them has a job that is.
--
-- $1 seconds bigint: jobs of workers that stopped longer ago are not looked for
WITH RECURSIVE planner AS (
  (SELECT j.tenant_id FROM moed.job j WHERE j.state = 'scheduled' ORDER BY j.tenant_id, j.run_at LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM planner o CROSS JOIN LATERAL (
    SELECT j.tenant_id FROM moed.job j
     WHERE j.state = 'scheduled' AND j.tenant_id > o.tenant_id ORDER BY j.tenant_id, j.run_at LIMIT 1) n
), hurried AS (
  (SELECT j.tenant_id FROM moed.job j
    WHERE j.expires_at IS NOT NULL AND j.finished_at IS NULL ORDER BY j.tenant_id, j.expires_at LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM hurried o CROSS JOIN LATERAL (
    SELECT j.tenant_id FROM moed.job j
     WHERE j.expires_at IS NOT NULL AND j.finished_at IS NULL AND j.tenant_id > o.tenant_id
     ORDER BY j.tenant_id, j.expires_at LIMIT 1) n
)
SELECT EXISTS (SELECT FROM moed.worker WHERE stopped_at IS NULL AND expires_at < clock_timestamp())
       OR EXISTS (SELECT FROM moed.worker w CROSS JOIN LATERAL (
            -- One subquery per worker. A join may start with the entries of all jobs that ran since the oldest snapshot.
            SELECT FROM moed.job q
             WHERE q.state = 'running' AND q.leased_by = w.id AND q.lease_token >= w.first_token LIMIT 1) j
           WHERE w.stopped_at > clock_timestamp() - make_interval(secs => $1))
       OR EXISTS (SELECT FROM moed.endpoint_request r
           WHERE r.ended_at IS NULL
             AND NOT EXISTS (SELECT FROM moed.worker w WHERE w.id = r.worker_id AND w.stopped_at IS NULL)) AS rescue,
       EXISTS (SELECT FROM planner o CROSS JOIN LATERAL (
         SELECT FROM moed.job j
          WHERE j.state = 'scheduled' AND j.tenant_id = o.tenant_id AND j.run_at <= statement_timestamp() LIMIT 1) d) AS promote,
       EXISTS (SELECT FROM moed.usage_delta) AS usage,
       EXISTS (SELECT FROM hurried o CROSS JOIN LATERAL (
         SELECT FROM moed.job j
          WHERE j.tenant_id = o.tenant_id AND j.expires_at <= statement_timestamp() AND j.finished_at IS NULL
            AND j.state IN ('queued', 'scheduled') LIMIT 1) d) AS expire,
       EXISTS (SELECT FROM moed.tenant_request) AS tenants,
       EXISTS (SELECT FROM (SELECT FROM moed.job q WHERE q.state = 'queued' AND q.model_id = 0
                 ORDER BY q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id LIMIT 1) AS first) AS models,
       EXISTS (SELECT FROM moed.cancel_request) AS cancel,
       EXISTS (SELECT FROM moed.batch b WHERE b.notifies AND b.announced_at IS NULL) AS announce
