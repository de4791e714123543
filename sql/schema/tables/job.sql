-- No foreign keys to tenant and model: their rows are never deleted. The share lock of a foreign key check on the one
-- "default" row would be contended by every enqueueing transaction.
CREATE TABLE moed.job (
  id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lease_token         bigint NOT NULL DEFAULT 0,
  leased_by           bigint,
  created_at          timestamptz NOT NULL DEFAULT now(),
  run_at              timestamptz NOT NULL DEFAULT now(),
  started_at          timestamptz,
  finished_at         timestamptz,
  cancel_requested_at timestamptz,
  tenant_id           int NOT NULL,
  model_id            int NOT NULL,
  bucket              smallint NOT NULL CHECK (bucket = -1 OR bucket BETWEEN 5 AND 20),
  attempt             smallint NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts        smallint NOT NULL DEFAULT 5 CHECK (max_attempts > 0),
  crashes             smallint NOT NULL DEFAULT 0 CHECK (crashes >= 0),
  priority            smallint NOT NULL DEFAULT 0 CHECK (priority > -32768),
  state               moed.job_state NOT NULL DEFAULT 'queued',
  mode                moed.reasoning_mode NOT NULL,
  idempotency_key     text,
  expires_at          timestamptz,
  model_name          text,
  notifies            boolean NOT NULL DEFAULT false,
  CONSTRAINT unknown_model_has_name CHECK ((model_id = 0) = (model_name IS NOT NULL)),
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
COMMENT ON COLUMN moed.job.cancel_requested_at IS 'Of daemons before migration 14; see moed.cancel_request.';
COMMENT ON COLUMN moed.job.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.job.model_id IS 'moed.model.id; 0: no worker has registered the name in model_name.';
COMMENT ON COLUMN moed.job.bucket IS 'Length class: 2^bucket is the smallest power of two ≥ estimated prompt + new tokens, within 5..20. -1: quarantine, run alone because it was running when workers crashed.';
COMMENT ON COLUMN moed.job.attempt IS 'Attempts begun; a released attempt is taken back.';
COMMENT ON COLUMN moed.job.max_attempts IS 'Attempts after which a retryable failure is final.';
COMMENT ON COLUMN moed.job.crashes IS 'Times a worker died while running it.';
COMMENT ON COLUMN moed.job.priority IS 'Higher starts first within tenant and job class.';
COMMENT ON COLUMN moed.job.state IS 'See type moed.job_state.';
COMMENT ON COLUMN moed.job.mode IS 'thinking or non_thinking, as asked for or guessed from the request: part of the job class. What ran is in moed.token_ledger.';
COMMENT ON COLUMN moed.job.idempotency_key IS 'Enqueueing again with the same tenant and key returns this job.';
COMMENT ON COLUMN moed.job.expires_at IS 'Deadline: not ended by then, it ends as failed with the code expired. NULL is none.';
COMMENT ON COLUMN moed.job.model_name IS 'Name that it asks for while model_id is 0: a worker looks the name up again, and fails the job when it is still unknown.';
COMMENT ON COLUMN moed.job.notifies IS 'True: NOTIFY moed_done with the id when it ends.';

-- First the group, then the tenant (loose scan for fairness), then the order within the tenant.
CREATE INDEX job_claim_idx ON moed.job (model_id, mode, bucket, tenant_id, (-priority), id) WHERE state = 'queued';
-- By tenant: one tenant's due jobs, which a transaction may lock, do not come before another's.
CREATE INDEX job_promote_idx ON moed.job (tenant_id, run_at) WHERE state = 'scheduled';
CREATE UNIQUE INDEX job_idempotency_key_idx ON moed.job (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX job_prune_idx ON moed.job (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX job_expire_idx ON moed.job (tenant_id, expires_at) WHERE expires_at IS NOT NULL AND finished_at IS NULL;
-- While a transaction holds an old snapshot, the entries of all jobs that ran since stay in this index. Lease tokens only
-- grow, so a search from the worker's first_token skips the old ones.
CREATE INDEX job_lease_idx ON moed.job (leased_by, lease_token) INCLUDE (tenant_id) WHERE state = 'running';

CREATE TRIGGER job_wake AFTER INSERT ON moed.job FOR EACH STATEMENT EXECUTE FUNCTION moed.job_wake();
CREATE TRIGGER job_forget AFTER DELETE ON moed.job
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.job_forget();
-- Only a statement that sets finished_at asks; nothing is called for a job without notifies.
CREATE TRIGGER job_done AFTER UPDATE OF finished_at ON moed.job FOR EACH ROW
  WHEN (NEW.notifies AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION moed.job_done();
-- Triggers fire in the order of their names: results are counted before job_forget deletes them.
CREATE TRIGGER count_deletions AFTER DELETE ON moed.job
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.count_ends();
CREATE TRIGGER count_ends AFTER UPDATE ON moed.job
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.count_ends();
