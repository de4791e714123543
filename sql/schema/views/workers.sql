CREATE VIEW moed.workers WITH (security_invoker = true) AS
SELECT w.id, w.host, w.pid, w.version,
  ARRAY(SELECT m.name FROM moed.model m WHERE m.id = ANY (w.models) ORDER BY m.id) AS models,
  CASE WHEN w.stopped_at IS NOT NULL THEN 'stopped'
       WHEN w.expires_at <= clock_timestamp() THEN 'missing'
       WHEN EXISTS (SELECT FROM moed.job j WHERE j.state = 'running' AND j.leased_by = w.id) THEN 'busy'
       ELSE 'idle' END AS state,
  (SELECT count(*) FROM moed.job j WHERE j.state = 'running' AND j.leased_by = w.id) AS jobs,
  w.tokens_per_second, w.status, w.started_at, w.seen_at, w.expires_at, w.stopped_at
FROM moed.worker w;
COMMENT ON VIEW moed.workers IS 'Daemons with their models, jobs and state.';
COMMENT ON COLUMN moed.workers.id IS 'Number of the worker.';
COMMENT ON COLUMN moed.workers.host IS 'Host name.';
COMMENT ON COLUMN moed.workers.pid IS 'Process id.';
COMMENT ON COLUMN moed.workers.version IS 'Version of moed.';
COMMENT ON COLUMN moed.workers.models IS 'Models it serves.';
COMMENT ON COLUMN moed.workers.state IS 'idle, busy (it holds jobs), missing (lease expired) or stopped.';
COMMENT ON COLUMN moed.workers.jobs IS 'Jobs it holds now.';
COMMENT ON COLUMN moed.workers.tokens_per_second IS 'Generated tokens per second at the last beat.';
COMMENT ON COLUMN moed.workers.status IS 'Status line at the last beat.';
COMMENT ON COLUMN moed.workers.started_at IS 'When it registered.';
COMMENT ON COLUMN moed.workers.seen_at IS 'Last beat.';
COMMENT ON COLUMN moed.workers.expires_at IS 'End of its lease.';
COMMENT ON COLUMN moed.workers.stopped_at IS 'When it ended or was declared dead.';
