-- census: counts queued jobs by job class, and finds what keeps jobs from starting. One row each.
--
-- Rows of kind queued have a job class, their number of jobs, in held those that are paused or over budget, and
-- in oldest_ms how long the first of them has been due. Jobs are counted in the order of the claim index. Rows of kind paused, over_budget and unserved have a name only. The worker that
-- counts serves the models of $1, even before it registers.
--
-- $1 models text[]: names of the models to count
WITH counted AS MATERIALIZED (
  SELECT j.model_id, j.mode, j.bucket, j.tenant_id, count(*) AS jobs, min(j.id) AS first
    FROM moed.job j WHERE j.state = 'queued' GROUP BY j.model_id, j.mode, j.bucket, j.tenant_id
), judged AS MATERIALIZED (
  -- A tenant is looked up by its key: a join would compare each with each.
  SELECT c.*, (SELECT t.may_start FROM moed.tenants t WHERE t.id = c.tenant_id LIMIT 1) AS may_start FROM counted c
)
SELECT 'queued' AS kind, m.name, c.mode::text AS mode, c.bucket, sum(c.jobs)::bigint AS jobs,
       coalesce(sum(c.jobs) FILTER (WHERE m.paused_at IS NOT NULL OR c.may_start IS NOT true), 0)::bigint AS held,
       (SELECT greatest(0, extract(epoch FROM clock_timestamp() - greatest(o.created_at, o.run_at)) * 1000)::bigint
          FROM moed.job o WHERE o.id = min(c.first)) AS oldest_ms
  FROM judged c JOIN moed.model m ON m.id = c.model_id
 WHERE m.name = ANY ($1) GROUP BY m.name, c.mode, c.bucket
UNION ALL
SELECT 'paused', p.name, NULL, NULL, NULL, NULL, NULL FROM unnest(moed.pauses()) AS p(name)
UNION ALL
SELECT 'over_budget', t.name, NULL, NULL, NULL, NULL, NULL FROM moed.tenants t WHERE t.tokens_today >= t.tokens_per_day
UNION ALL
SELECT 'unserved', m.name, NULL, NULL, NULL, NULL, NULL
  FROM moed.model m
 WHERE m.id IN (SELECT c.model_id FROM counted c) AND m.name <> ALL ($1) AND NOT EXISTS (
   SELECT FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND m.id = ANY (w.models))
 ORDER BY 1, 2, 3, 4
