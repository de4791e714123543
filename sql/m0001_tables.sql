-- The tables of the queue. A job's state lives in the narrow `moed.job` row; its payload, result, attempts and token
-- account lie in tables of their own, so that a change of state rewrites about 200 bytes.

CREATE SCHEMA moed;
COMMENT ON SCHEMA moed IS 'moed: offline bulk generation from SQL. Enqueue with moed.enqueue() or INSERT INTO moed.jobs; read moed.jobs.';

CREATE TABLE moed.migration (
  version    int PRIMARY KEY,
  name       text NOT NULL,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE moed.migration IS 'Which schema migrations were applied; written by `moed migrate`.';
COMMENT ON COLUMN moed.migration.version IS 'Number of the migration; they are applied in this order.';
COMMENT ON COLUMN moed.migration.name IS 'File name of the migration without its ending.';
COMMENT ON COLUMN moed.migration.checksum IS 'SHA-256 of the file as it was applied, in hexadecimal.';
COMMENT ON COLUMN moed.migration.applied_at IS 'When it was applied.';

CREATE TYPE moed.job_state AS ENUM ('scheduled', 'queued', 'running', 'succeeded', 'failed', 'cancelled');
COMMENT ON TYPE moed.job_state IS 'scheduled: waits for run_at. queued: may be claimed. running: leased by a worker. The others are final.';
CREATE TYPE moed.reasoning_mode AS ENUM ('thinking', 'non_thinking');
COMMENT ON TYPE moed.reasoning_mode IS 'Whether the model reasons before it answers.';

CREATE SEQUENCE moed.lease_token_seq;
COMMENT ON SEQUENCE moed.lease_token_seq IS 'Fencing tokens: every claim takes a new one; never reused, never lowered.';

CREATE TABLE moed.tenant (
  id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
  weight      real NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight < 'Infinity'),
  max_running int CHECK (max_running > 0),
  paused_at   timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE moed.tenant IS 'Who jobs are run for. An unknown name is added when it first enqueues.';
COMMENT ON COLUMN moed.tenant.id IS 'Key; 1 is the tenant "default".';
COMMENT ON COLUMN moed.tenant.name IS 'Name given at enqueue, 1 to 128 characters.';
COMMENT ON COLUMN moed.tenant.weight IS 'Share of the running slots relative to other tenants with waiting jobs.';
COMMENT ON COLUMN moed.tenant.max_running IS 'Most jobs running at once over all workers; NULL is no cap.';
COMMENT ON COLUMN moed.tenant.paused_at IS 'When not NULL, jobs of this tenant are not started.';
COMMENT ON COLUMN moed.tenant.created_at IS 'When the tenant was added.';
INSERT INTO moed.tenant (name) VALUES ('default');

CREATE TABLE moed.model (
  id            int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name          text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 256),
  registered_at timestamptz,
  paused_at     timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE moed.model IS 'Names jobs may ask for. Row 1, "default", stands for jobs that name none: every worker serves it unless its model.serve_default is false.';
COMMENT ON COLUMN moed.model.id IS 'Key; 1 is the model "default".';
COMMENT ON COLUMN moed.model.name IS 'Name given at enqueue, 1 to 256 characters.';
COMMENT ON COLUMN moed.model.registered_at IS 'When a worker or moed.register_model() announced it; NULL: only named by jobs, which fail with model_not_found.';
COMMENT ON COLUMN moed.model.paused_at IS 'When not NULL, jobs of this model are not started.';
COMMENT ON COLUMN moed.model.created_at IS 'When the name was first seen.';
INSERT INTO moed.model (name, registered_at) VALUES ('default', now());

CREATE TABLE moed.worker (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host          text NOT NULL,
  pid           int NOT NULL,
  version       text NOT NULL,
  models        int[] NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at    timestamptz NOT NULL,
  stopped_at    timestamptz,
  idle          boolean NOT NULL DEFAULT false,
  running       int NOT NULL DEFAULT 0,
  tokens_per_second real NOT NULL DEFAULT 0,
  status        text NOT NULL DEFAULT ''
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE moed.worker IS 'One row per start of a daemon. Its lease covers all jobs it runs: one small update per beat, whatever the batch.';
COMMENT ON COLUMN moed.worker.id IS 'Key; moed.job.leased_by and moed.job_attempt.worker_id point here.';
COMMENT ON COLUMN moed.worker.host IS 'Host name of the daemon.';
COMMENT ON COLUMN moed.worker.pid IS 'Process id of the daemon on its host.';
COMMENT ON COLUMN moed.worker.version IS 'Version of moed.';
COMMENT ON COLUMN moed.worker.models IS 'moed.model.id of every model it serves; 1 (default) among them when it runs jobs that name none.';
COMMENT ON COLUMN moed.worker.started_at IS 'When it registered.';
COMMENT ON COLUMN moed.worker.seen_at IS 'Last beat.';
COMMENT ON COLUMN moed.worker.expires_at IS 'End of its lease; after it, other workers may declare it dead and take its jobs.';
COMMENT ON COLUMN moed.worker.stopped_at IS 'When it ended or was declared dead; a stopped row never becomes alive again.';
COMMENT ON COLUMN moed.worker.idle IS 'Whether it waits for work: NOTIFY is sent only when some live worker does.';
COMMENT ON COLUMN moed.worker.running IS 'Jobs it ran at the last beat.';
COMMENT ON COLUMN moed.worker.tokens_per_second IS 'Tokens generated per second, as of the last beat.';
COMMENT ON COLUMN moed.worker.status IS 'What it is doing, one line, as of the last beat.';
CREATE INDEX worker_idle_idx ON moed.worker (expires_at) WHERE idle AND stopped_at IS NULL;

-- No foreign keys to tenant and model: rows there are never deleted, and the share lock that a foreign key check
-- takes on the one "default" row would be contended by every enqueueing transaction.
CREATE TABLE moed.job (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lease_token     bigint NOT NULL DEFAULT 0,
  leased_by       bigint,
  created_at      timestamptz NOT NULL DEFAULT now(),
  run_at          timestamptz NOT NULL DEFAULT now(),
  started_at      timestamptz,
  finished_at     timestamptz,
  cancel_requested_at timestamptz,
  tenant_id       int NOT NULL,
  model_id        int NOT NULL,
  bucket          smallint NOT NULL CHECK (bucket = -1 OR bucket BETWEEN 5 AND 20),
  attempt         smallint NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts    smallint NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
  crashes         smallint NOT NULL DEFAULT 0 CHECK (crashes >= 0),
  priority        smallint NOT NULL DEFAULT 0 CHECK (priority > -32768),
  state           moed.job_state NOT NULL DEFAULT 'queued',
  mode            moed.reasoning_mode NOT NULL,
  idempotency_key text,
  CONSTRAINT running_is_leased CHECK ((state = 'running') = (leased_by IS NOT NULL)),
  CONSTRAINT terminal_has_end CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
  CONSTRAINT idempotency_key_length CHECK (length(idempotency_key) BETWEEN 1 AND 512)
) WITH (fillfactor = 85,
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = false);
COMMENT ON TABLE moed.job IS 'State of one generation request: narrow and hot. Applications use the view moed.jobs.';
COMMENT ON COLUMN moed.job.id IS 'Job number, as returned by moed.enqueue().';
COMMENT ON COLUMN moed.job.lease_token IS 'Fencing token of the latest claim; every write of a worker must carry it.';
COMMENT ON COLUMN moed.job.leased_by IS 'moed.worker.id that runs it; not NULL exactly while state is running. No foreign key: the row is hot.';
COMMENT ON COLUMN moed.job.created_at IS 'Start of the enqueueing transaction.';
COMMENT ON COLUMN moed.job.run_at IS 'Not started before this instant of the database clock.';
COMMENT ON COLUMN moed.job.started_at IS 'When the latest attempt was claimed.';
COMMENT ON COLUMN moed.job.finished_at IS 'When it reached its final state; NULL before.';
COMMENT ON COLUMN moed.job.cancel_requested_at IS 'When moed.cancel() was called while it ran.';
COMMENT ON COLUMN moed.job.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.job.model_id IS 'moed.model.id.';
COMMENT ON COLUMN moed.job.bucket IS 'Length class: 2^bucket is the smallest power of two ≥ estimated prompt + new tokens, within 5..20. -1: quarantine, run alone because it was running when workers crashed.';
COMMENT ON COLUMN moed.job.attempt IS 'Attempts begun; a released attempt is taken back.';
COMMENT ON COLUMN moed.job.max_attempts IS 'Attempts after which a retryable failure is final.';
COMMENT ON COLUMN moed.job.crashes IS 'Times a worker died while running it.';
COMMENT ON COLUMN moed.job.priority IS 'Higher starts first within tenant and group.';
COMMENT ON COLUMN moed.job.state IS 'See type moed.job_state.';
COMMENT ON COLUMN moed.job.mode IS 'Thinking or not: part of the group.';
COMMENT ON COLUMN moed.job.idempotency_key IS 'Enqueueing again with the same tenant and key returns this job.';

-- Leads with the group, then tenant (loose scan for fairness), then the order within the tenant.
CREATE INDEX job_claim_idx ON moed.job (model_id, mode, bucket, tenant_id, (-priority), id) WHERE state = 'queued';
CREATE INDEX job_promote_idx ON moed.job (run_at) WHERE state = 'scheduled';
CREATE INDEX job_running_idx ON moed.job (leased_by, tenant_id) WHERE state = 'running';
CREATE UNIQUE INDEX job_idempotency_key_idx ON moed.job (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE moed.job_request (
  job_id bigint PRIMARY KEY REFERENCES moed.job ON DELETE CASCADE,
  body   json NOT NULL
);
COMMENT ON TABLE moed.job_request IS 'What was asked: an OpenAI chat-completion body. Written once.';
COMMENT ON COLUMN moed.job_request.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.job_request.body IS 'Request body. json, not jsonb: kept byte for byte, \u0000 and lone surrogates included. When a member is repeated, the last one counts.';

CREATE TABLE moed.job_attempt (
  job_id        bigint NOT NULL REFERENCES moed.job ON DELETE CASCADE,
  lease_token   bigint NOT NULL,
  attempt       smallint NOT NULL,
  worker_id     bigint NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at      timestamptz,
  outcome       text CHECK (outcome IN ('succeeded', 'failed', 'retried', 'released', 'cancelled', 'lost')),
  error_code    text,
  error_message text,
  PRIMARY KEY (job_id, lease_token)
) WITH (fillfactor = 80);
COMMENT ON TABLE moed.job_attempt IS 'History: one row per claim.';
COMMENT ON COLUMN moed.job_attempt.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.job_attempt.lease_token IS 'Token of this claim.';
COMMENT ON COLUMN moed.job_attempt.attempt IS 'Number of the attempt; a number comes again after a release.';
COMMENT ON COLUMN moed.job_attempt.worker_id IS 'moed.worker.id.';
COMMENT ON COLUMN moed.job_attempt.started_at IS 'When it was claimed.';
COMMENT ON COLUMN moed.job_attempt.ended_at IS 'When it ended; NULL while it runs.';
COMMENT ON COLUMN moed.job_attempt.outcome IS 'How it ended: succeeded, failed (final), retried (failed, will run again), released (given back unharmed), cancelled, lost (worker died).';
COMMENT ON COLUMN moed.job_attempt.error_code IS 'Machine-readable reason of a failure.';
COMMENT ON COLUMN moed.job_attempt.error_message IS 'Reason of a failure in words.';

CREATE TABLE moed.job_result (
  job_id        bigint PRIMARY KEY REFERENCES moed.job ON DELETE CASCADE,
  lease_token   bigint NOT NULL,
  finish_reason text,
  content       text,
  reasoning     text,
  body          json,
  seed          bigint,
  warnings      text[] NOT NULL DEFAULT '{}',
  error_code    text,
  error_message text,
  error_param   text,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT answer_or_error CHECK ((error_code IS NULL) = (finish_reason IS NOT NULL))
);
COMMENT ON TABLE moed.job_result IS 'What came out: the answer of a succeeded job or the error of a failed one.';
COMMENT ON COLUMN moed.job_result.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.job_result.lease_token IS 'Token of the claim that wrote it: a repeated write is recognised by it.';
COMMENT ON COLUMN moed.job_result.finish_reason IS 'stop or length; NULL for a failure.';
COMMENT ON COLUMN moed.job_result.content IS 'Answer of the first choice, without thinking; NUL characters replaced by U+FFFD.';
COMMENT ON COLUMN moed.job_result.reasoning IS 'Thinking text of the first choice; NULL when there was none.';
COMMENT ON COLUMN moed.job_result.body IS 'OpenAI chat.completion object with all choices and usage.';
COMMENT ON COLUMN moed.job_result.seed IS 'Seed that was used, as a signed 64-bit number: the same request with it gives the same tokens.';
COMMENT ON COLUMN moed.job_result.warnings IS 'Remarks that did not stop the job.';
COMMENT ON COLUMN moed.job_result.error_code IS 'Machine-readable reason of the failure, e.g. invalid_value, context_length_exceeded, model_not_found, worker_lost.';
COMMENT ON COLUMN moed.job_result.error_message IS 'Reason of the failure in words.';
COMMENT ON COLUMN moed.job_result.error_param IS 'Field of the request at fault, if one is.';
COMMENT ON COLUMN moed.job_result.created_at IS 'When it was written.';

-- No foreign key: the account outlives the job row.
CREATE TABLE moed.token_ledger (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id            bigint NOT NULL,
  lease_token       bigint NOT NULL,
  kind              text NOT NULL CHECK (kind IN ('final', 'wasted')),
  tenant_id         int NOT NULL,
  model_id          int NOT NULL,
  mode              moed.reasoning_mode NOT NULL,
  prompt_tokens     int NOT NULL CHECK (prompt_tokens >= 0),
  cached_tokens     int NOT NULL CHECK (cached_tokens BETWEEN 0 AND prompt_tokens),
  thinking_tokens   int NOT NULL CHECK (thinking_tokens >= 0),
  injected_tokens   int NOT NULL CHECK (injected_tokens >= 0),
  answer_tokens     int NOT NULL CHECK (answer_tokens >= 0),
  recomputed_tokens int NOT NULL CHECK (recomputed_tokens >= 0),
  completion_tokens int NOT NULL GENERATED ALWAYS AS (thinking_tokens + injected_tokens + answer_tokens) STORED,
  total_tokens      int NOT NULL GENERATED ALWAYS AS (prompt_tokens + thinking_tokens + injected_tokens + answer_tokens) STORED,
  wall_ms           bigint NOT NULL CHECK (wall_ms >= 0),
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE moed.token_ledger IS 'Append-only token account. One final row per succeeded job; wasted rows for work that was thrown away.';
COMMENT ON COLUMN moed.token_ledger.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.token_ledger.job_id IS 'moed.job.id; the job may have been deleted.';
COMMENT ON COLUMN moed.token_ledger.lease_token IS 'Claim that did the work.';
COMMENT ON COLUMN moed.token_ledger.kind IS 'final: the job''s answer, billed once. wasted: an attempt that failed, was cancelled or released; never billed.';
COMMENT ON COLUMN moed.token_ledger.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.token_ledger.model_id IS 'moed.model.id.';
COMMENT ON COLUMN moed.token_ledger.mode IS 'Thinking or not.';
COMMENT ON COLUMN moed.token_ledger.prompt_tokens IS 'Tokens of the prompt, cached ones included.';
COMMENT ON COLUMN moed.token_ledger.cached_tokens IS 'Prompt tokens taken from a cached prefix.';
COMMENT ON COLUMN moed.token_ledger.thinking_tokens IS 'Generated up to and including the end of thinking.';
COMMENT ON COLUMN moed.token_ledger.injected_tokens IS 'Put in to end the thinking at its budget.';
COMMENT ON COLUMN moed.token_ledger.answer_tokens IS 'Generated outside of thinking, the end token included.';
COMMENT ON COLUMN moed.token_ledger.recomputed_tokens IS 'Computed again after a crash; never billed, in no sum.';
COMMENT ON COLUMN moed.token_ledger.completion_tokens IS 'thinking + injected + answer.';
COMMENT ON COLUMN moed.token_ledger.total_tokens IS 'prompt + completion.';
COMMENT ON COLUMN moed.token_ledger.wall_ms IS 'Milliseconds from claim to end of the attempt.';
COMMENT ON COLUMN moed.token_ledger.created_at IS 'When the row was written.';
CREATE UNIQUE INDEX token_ledger_final_idx ON moed.token_ledger (job_id) WHERE kind = 'final';
CREATE UNIQUE INDEX token_ledger_attempt_idx ON moed.token_ledger (job_id, lease_token, kind);
CREATE INDEX token_ledger_created_idx ON moed.token_ledger (created_at);
