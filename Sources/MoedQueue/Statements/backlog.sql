-- backlog: finds the heads of the queue, one row each. A head is the first queued job of a job class, tenant and
-- priority.
--
-- The recursion jumps through the claim index from one head to the next, so a million queued jobs cost no more than a
-- thousand. While a transaction holds an old snapshot, the index keeps entries of jobs that ran since. They are skipped
-- here; a claim that begins at these heads does not read them again.
--
-- $1 models text[]: names of the models to poll
-- $2 most bigint: maximum number of jobs counted per job class
WITH RECURSIVE head AS (
  (SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority AS urgency, j.id,
          greatest(j.created_at, j.run_at) AS due
     FROM moed.job j WHERE j.state = 'queued'
    ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1)
  UNION ALL
  SELECT n.* FROM head h CROSS JOIN LATERAL (
    SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id, greatest(j.created_at, j.run_at)
      FROM moed.job j
     WHERE j.state = 'queued' AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority)
                                > (h.model_id, h.mode, h.bucket, h.tenant_id, h.urgency)
     ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1) n
), busy AS MATERIALIZED (
  -- Running jobs per tenant. They are read worker by worker, each from its first_token. A join may start with the
  -- entries of all jobs that ran since the oldest snapshot.
  SELECT j.tenant_id, sum(j.jobs)::bigint AS jobs FROM moed.worker w CROSS JOIN LATERAL (
    SELECT q.tenant_id, count(*) AS jobs
      FROM moed.job q WHERE q.state = 'running' AND q.leased_by = w.id AND q.lease_token >= w.first_token
     GROUP BY q.tenant_id) j
   WHERE w.stopped_at IS NULL GROUP BY j.tenant_id
), sharing AS MATERIALIZED (
  -- Recent usage decays with the clock. Materialised, it is the same in all rows of a tenant.
  SELECT t.id, t.weight, t.max_running, coalesce(b.jobs, 0) AS running, t.recent_jobs, t.recent_tokens
    FROM moed.tenants t LEFT JOIN busy b ON b.tenant_id = t.id
   WHERE t.id IN (SELECT h.tenant_id FROM head h) AND t.may_start
), open AS MATERIALIZED (
  SELECT h.*, m.name, s.weight, s.max_running, s.running, s.recent_jobs, s.recent_tokens,
         greatest(0, extract(epoch FROM clock_timestamp() - h.due) * 1000)::bigint AS age_ms
    FROM head h JOIN sharing s ON s.id = h.tenant_id
    JOIN moed.model m ON m.id = h.model_id AND m.paused_at IS NULL
   WHERE m.name = ANY ($1)
), active AS (
  SELECT o.model_id, o.mode, o.bucket, max(o.age_ms) AS oldest_ms FROM open o GROUP BY o.model_id, o.mode, o.bucket
), counted AS MATERIALIZED (
  SELECT a.*,
         (SELECT count(*) FROM (
            SELECT FROM open o CROSS JOIN LATERAL (
              SELECT FROM moed.job j
               WHERE j.state = 'queued'
                 AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id)
                  >= (o.model_id, o.mode, o.bucket, o.tenant_id, o.urgency, o.id)
                 AND (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority)
                  <= (o.model_id, o.mode, o.bucket, o.tenant_id, o.urgency)
               ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT $2) AS n
             WHERE o.model_id = a.model_id AND o.mode = a.mode AND o.bucket = a.bucket LIMIT $2) AS limited) AS queued
    FROM active a
)
SELECT o.name, o.mode, o.bucket, c.queued, c.oldest_ms,
       o.tenant_id, o.urgency, o.id, o.age_ms,
       o.weight, o.max_running, o.running, o.recent_jobs, o.recent_tokens
  FROM counted c JOIN open o ON o.model_id = c.model_id AND o.mode = c.mode AND o.bucket = c.bucket
 ORDER BY o.name, o.mode, o.bucket, o.tenant_id, o.urgency
