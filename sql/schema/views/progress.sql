CREATE VIEW moed.progress WITH (security_invoker = true) AS
SELECT p.tenant, p.model, p.batch, b.name AS batch_name, p.waiting, p.running, p.done, p.failed, p.cancelled,
  round(p.recent / least(10, greatest(p.minutes, 0.1)), 2) AS jobs_per_minute,
  CASE WHEN p.waiting + p.running = 0 THEN interval '0'
       WHEN p.recent > 0 THEN
         make_interval(secs => least(1e9, ((p.waiting + p.running) * least(10, greatest(p.minutes, 0.1)) * 60 / p.recent))::float8)
  END AS time_left
FROM (
  SELECT coalesce(t.name, (SELECT min(n.name) FROM moed.tenant_request n WHERE n.tenant_id = j.tenant_id)) AS tenant, coalesce(m.name, j.model_name) AS model, l.batch_id AS batch,
    count(*) FILTER (WHERE j.state IN ('queued', 'scheduled')) AS waiting,
    count(*) FILTER (WHERE j.state = 'running') AS running,
    count(*) FILTER (WHERE j.state = 'succeeded') AS done,
    count(*) FILTER (WHERE j.state = 'failed') AS failed,
    count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled,
    (count(*) FILTER (WHERE j.state IN ('succeeded', 'failed') AND j.started_at IS NOT NULL
                        AND j.finished_at > clock_timestamp() - interval '10 minutes'))::numeric AS recent,
    -- Jobs that started less than ten minutes ago are no measure for ten minutes.
    (extract(epoch FROM clock_timestamp() - min(j.started_at)) / 60)::numeric AS minutes
  FROM moed.job j
  LEFT JOIN moed.tenant t ON t.id = j.tenant_id
  LEFT JOIN moed.model m ON m.id = j.model_id
  LEFT JOIN moed.batch_line l ON l.job_id = j.id
  GROUP BY 1, 2, 3) AS p
LEFT JOIN moed.batch b ON b.id = p.batch;
COMMENT ON VIEW moed.progress IS 'Progress per tenant, model and batch. It counts all jobs that were not pruned.';
COMMENT ON COLUMN moed.progress.tenant IS 'Owner of the jobs.';
COMMENT ON COLUMN moed.progress.model IS 'Model asked for; default: any worker may run them.';
COMMENT ON COLUMN moed.progress.batch IS 'Batch; NULL for jobs that are in none.';
COMMENT ON COLUMN moed.progress.batch_name IS 'Name of the batch, given at import.';
COMMENT ON COLUMN moed.progress.waiting IS 'Jobs that are queued or scheduled.';
COMMENT ON COLUMN moed.progress.running IS 'Jobs that are running.';
COMMENT ON COLUMN moed.progress.done IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.progress.failed IS 'Jobs that failed.';
COMMENT ON COLUMN moed.progress.cancelled IS 'Jobs that were cancelled.';
COMMENT ON COLUMN moed.progress.jobs_per_minute IS 'Jobs a minute that ran and ended, over the last ten minutes, or since the first one started.';
COMMENT ON COLUMN moed.progress.time_left IS 'Time for the waiting and running jobs at that rate; NULL when no job has ended in the last ten minutes.';
