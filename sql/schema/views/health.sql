CREATE VIEW moed.health WITH (security_invoker = true) AS
SELECT
  (SELECT count(*) FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) AS workers_alive,
  (SELECT count(*) FROM moed.job j WHERE j.state = 'running') AS jobs_running,
  (SELECT clock_timestamp() - min(greatest(j.created_at, j.run_at)) FROM moed.job j WHERE j.state = 'queued')
    AS oldest_queued_age,
  (SELECT s.n_dead_tup FROM pg_stat_user_tables s WHERE s.relid = 'moed.job'::regclass) AS dead_job_rows,
  h.oldest_transaction_age,
  pg_notification_queue_usage() AS notify_queue_usage,
  moed.pauses() AS paused,
  ARRAY(SELECT t.name FROM moed.tenants t WHERE t.tokens_today >= t.tokens_per_day ORDER BY t.name) AS over_budget,
  ARRAY(SELECT m.name FROM moed.model m
         WHERE EXISTS (SELECT FROM moed.job j WHERE j.state = 'queued' AND j.model_id = m.id)
           AND NOT EXISTS (SELECT FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
                                                       AND m.id = ANY (w.models))
         ORDER BY m.name) AS unserved_models,
  h.prepared_transactions, h.replication_slots, h.oldest_snapshot_transactions,
  ARRAY(SELECT concat(w.host, ', process ', w.pid, ': ', w.status) FROM moed.worker w
         WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND starts_with(w.status, 'Stuck:')
         ORDER BY w.id) AS stuck_workers
FROM (
  SELECT max(v.age) AS oldest_transaction_age,
    count(*) FILTER (WHERE v.kind = 'prepared transaction') AS prepared_transactions,
    count(*) FILTER (WHERE v.kind = 'replication slot') AS replication_slots,
    max(v.transactions) AS oldest_snapshot_transactions
  FROM moed.vacuum_holders() v) h;
COMMENT ON VIEW moed.health IS 'One row to watch: are there workers, does anything wait too long, is anything paused, does the database keep up.';
COMMENT ON COLUMN moed.health.workers_alive IS 'Daemons whose lease holds.';
COMMENT ON COLUMN moed.health.jobs_running IS 'Jobs that are running.';
COMMENT ON COLUMN moed.health.oldest_queued_age IS 'How long the oldest queued job has been due; NULL when none waits.';
COMMENT ON COLUMN moed.health.dead_job_rows IS 'Estimated number of dead rows of moed.job; when it grows without end, something keeps vacuum from removing them.';
COMMENT ON COLUMN moed.health.oldest_transaction_age IS 'Age of the oldest open or prepared transaction of this database, which keeps vacuum back.';
COMMENT ON COLUMN moed.health.notify_queue_usage IS 'Part of PostgreSQL''s notification queue that is filled, 0 to 1.';
COMMENT ON COLUMN moed.health.paused IS 'Pauses in force: all, model NAME, tenant NAME. moed.resume() ends them.';
COMMENT ON COLUMN moed.health.over_budget IS 'Tenants that have used their tokens_per_day; their jobs start again at midnight UTC.';
COMMENT ON COLUMN moed.health.unserved_models IS 'Models with queued jobs that no live worker serves.';
COMMENT ON COLUMN moed.health.prepared_transactions IS 'Prepared transactions of this database; each keeps vacuum back until COMMIT PREPARED or ROLLBACK PREPARED.';
COMMENT ON COLUMN moed.health.replication_slots IS 'Replication slots that keep vacuum back, of tables or of catalogs.';
COMMENT ON COLUMN moed.health.oldest_snapshot_transactions IS 'Transactions begun since the oldest snapshot that vacuum must respect. moed.vacuum_holders() names the holder.';
COMMENT ON COLUMN moed.health.stuck_workers IS 'Daemons with a loop that makes no progress, with their status lines: sweeps, database, or preparation of requests.';
