CREATE TABLE moed.worker (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host              text NOT NULL,
  pid               int NOT NULL,
  version           text NOT NULL,
  models            int[] NOT NULL,
  started_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at        timestamptz NOT NULL,
  stopped_at        timestamptz,
  idle              boolean NOT NULL DEFAULT false,
  running           int NOT NULL DEFAULT 0,
  tokens_per_second real NOT NULL DEFAULT 0,
  status            text NOT NULL DEFAULT '',
  first_token       bigint NOT NULL DEFAULT 0,
  is_house          boolean NOT NULL DEFAULT true
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE moed.worker IS 'One row per start of a daemon. Its lease covers all jobs that it runs: one small update per beat.';
COMMENT ON COLUMN moed.worker.id IS 'Key; moed.job.leased_by and moed.job_attempt.worker_id point here.';
COMMENT ON COLUMN moed.worker.host IS 'Host name of the daemon.';
COMMENT ON COLUMN moed.worker.pid IS 'Process id of the daemon on its host.';
COMMENT ON COLUMN moed.worker.version IS 'Version of moed.';
COMMENT ON COLUMN moed.worker.models IS 'moed.model.id of every model it serves; 1 (default) among them when it runs jobs that name none.';
COMMENT ON COLUMN moed.worker.started_at IS 'When it registered.';
COMMENT ON COLUMN moed.worker.seen_at IS 'Last beat.';
COMMENT ON COLUMN moed.worker.expires_at IS 'End of its lease; after it, other workers may declare it dead and take its jobs.';
COMMENT ON COLUMN moed.worker.stopped_at IS 'When it ended or was declared dead; a stopped row never becomes alive again.';
COMMENT ON COLUMN moed.worker.idle IS 'True while it waits for jobs: NOTIFY is sent only when a live worker waits.';
COMMENT ON COLUMN moed.worker.running IS 'Jobs it ran at the last beat.';
COMMENT ON COLUMN moed.worker.tokens_per_second IS 'Tokens generated per second at the last beat.';
COMMENT ON COLUMN moed.worker.status IS 'Status line at the last beat.';
COMMENT ON COLUMN moed.worker.first_token IS 'Lowest lease_token of its jobs at the last beat.';
COMMENT ON COLUMN moed.worker.is_house IS 'True when it runs jobs of tenants that may not leave the house: it has an engine of its own, or an endpoint in the house.';

CREATE INDEX worker_idle_idx ON moed.worker (expires_at) WHERE idle AND stopped_at IS NULL;
CREATE INDEX worker_alive_idx ON moed.worker (id) WHERE stopped_at IS NULL;
