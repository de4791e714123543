-- leftover: counts jobs that have not ended, each once, by the reason why a worker of these models does not run it.
--
-- $1 models text[]: names of the models that the worker serves
WITH counted AS MATERIALIZED (
  SELECT j.model_id, j.tenant_id, 'queued' AS state, count(*) AS jobs
    FROM moed.job j WHERE j.state = 'queued' GROUP BY j.model_id, j.tenant_id
  UNION ALL
  SELECT j.model_id, j.tenant_id, CASE WHEN j.run_at > clock_timestamp() THEN 'scheduled' ELSE 'queued' END, count(*)
    FROM moed.job j WHERE j.state = 'scheduled' GROUP BY 1, 2, 3
  UNION ALL
  SELECT j.model_id, j.tenant_id, 'running', count(*)
    FROM moed.job j WHERE j.state = 'running' GROUP BY j.model_id, j.tenant_id
), reasoned AS (
  SELECT c.jobs, CASE
           WHEN (m.name = ANY ($1)) IS NOT true THEN 'other_models'
           WHEN c.state <> 'queued' THEN c.state
           WHEN m.paused_at IS NOT NULL OR t.paused_at IS NOT NULL
             OR EXISTS (SELECT FROM moed.control k WHERE k.paused_at IS NOT NULL) THEN 'paused'
           WHEN NOT t.may_start THEN 'over_budget'
           ELSE 'queued' END AS reason
    FROM counted c LEFT JOIN moed.model m ON m.id = c.model_id JOIN moed.tenants t ON t.id = c.tenant_id
)
SELECT r.reason, sum(r.jobs)::bigint AS jobs FROM reasoned r GROUP BY r.reason ORDER BY r.reason
