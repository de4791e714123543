-- No foreign key to moed.job: checking it row by row takes a fifth of a claim. Trigger job_forget deletes this row
-- together with its job.
-- A worker writes a row once, when the attempt ends: an insert and an update of it would cost both and leave a dead row.
CREATE TABLE moed.job_attempt (
  job_id        bigint NOT NULL,
  lease_token   bigint NOT NULL,
  attempt       smallint NOT NULL,
  worker_id     bigint NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at      timestamptz,
  outcome       text CHECK (outcome IN ('succeeded', 'failed', 'retried', 'released', 'cancelled', 'lost')),
  error_code    text,
  error_message text,
  PRIMARY KEY (job_id, lease_token)
) WITH (fillfactor = 100);
COMMENT ON TABLE moed.job_attempt IS 'History: one row per attempt that has ended. The one that runs is in moed.job.';
COMMENT ON COLUMN moed.job_attempt.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.job_attempt.lease_token IS 'Token of this claim.';
COMMENT ON COLUMN moed.job_attempt.attempt IS 'Number of the attempt; a number comes again after a release.';
COMMENT ON COLUMN moed.job_attempt.worker_id IS 'moed.worker.id.';
COMMENT ON COLUMN moed.job_attempt.started_at IS 'When it was claimed.';
COMMENT ON COLUMN moed.job_attempt.ended_at IS 'When it ended; NULL: of a daemon of an older version, and not ended yet.';
COMMENT ON COLUMN moed.job_attempt.outcome IS 'How it ended: succeeded, failed (final), retried (failed, will run again), released (given back unharmed), cancelled, lost (worker died).';
COMMENT ON COLUMN moed.job_attempt.error_code IS 'Machine-readable reason of a failure.';
COMMENT ON COLUMN moed.job_attempt.error_message IS 'Reason of a failure in words.';
