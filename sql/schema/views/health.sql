CREATE VIEW moed.health WITH (security_invoker = true) AS
SELECT
  (SELECT count(*) FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) AS workers_alive,
  (SELECT count(*) FROM moed.job j WHERE j.state = 'running') AS jobs_running,
  (SELECT clock_timestamp() - min(greatest(j.created_at, j.run_at)) FROM moed.job j WHERE j.state = 'queued')
    AS oldest_queued_age,
  (SELECT s.n_dead_tup FROM pg_stat_user_tables s WHERE s.relid = 'moed.job'::regclass) AS dead_job_rows,
  (SELECT clock_timestamp() - min(a.xact_start) FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()) AS oldest_transaction_age,
  pg_notification_queue_usage() AS notify_queue_usage;
COMMENT ON VIEW moed.health IS 'One row to watch: are there workers, does anything wait too long, does the database keep up.';
COMMENT ON COLUMN moed.health.workers_alive IS 'Daemons whose lease holds.';
COMMENT ON COLUMN moed.health.jobs_running IS 'Jobs that are running.';
COMMENT ON COLUMN moed.health.oldest_queued_age IS 'How long the oldest queued job has been due; NULL when none waits.';
COMMENT ON COLUMN moed.health.dead_job_rows IS 'Dead rows of moed.job, about; when they grow without end, something keeps vacuum from removing them.';
COMMENT ON COLUMN moed.health.oldest_transaction_age IS 'Age of the oldest open transaction of this database: what keeps vacuum back.';
COMMENT ON COLUMN moed.health.notify_queue_usage IS 'Part of PostgreSQL''s notification queue that is filled, 0 to 1.';
