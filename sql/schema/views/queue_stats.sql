CREATE VIEW moed.queue_stats WITH (security_invoker = true) AS
SELECT coalesce(m.name, j.model_name) AS model, j.mode, j.bucket, j.state, count(*) AS jobs,
  clock_timestamp() - min(greatest(j.created_at, j.run_at)) FILTER (WHERE j.state IN ('queued', 'running')) AS oldest_age
FROM moed.job j LEFT JOIN moed.model m ON m.id = j.model_id
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.queue_stats IS 'Jobs per job class (model, mode, length class) and state.';
COMMENT ON COLUMN moed.queue_stats.model IS 'Model asked for.';
COMMENT ON COLUMN moed.queue_stats.mode IS 'thinking or non_thinking.';
COMMENT ON COLUMN moed.queue_stats.bucket IS 'Length class; -1 is quarantine.';
COMMENT ON COLUMN moed.queue_stats.state IS 'State of these jobs.';
COMMENT ON COLUMN moed.queue_stats.jobs IS 'How many.';
COMMENT ON COLUMN moed.queue_stats.oldest_age IS 'How long the oldest queued or running one has been due.';
