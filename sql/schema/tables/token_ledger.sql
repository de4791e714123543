-- No foreign key to moed.job: the account outlives the job.
CREATE TABLE moed.token_ledger (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id            bigint NOT NULL,
  lease_token       bigint NOT NULL,
  kind              text NOT NULL CHECK (kind IN ('final', 'wasted')),
  tenant_id         int NOT NULL,
  model_id          int NOT NULL,
  mode              moed.reasoning_mode NOT NULL,
  prompt_tokens     int CHECK (prompt_tokens >= 0),
  cached_tokens     int CHECK (cached_tokens BETWEEN 0 AND prompt_tokens),
  thinking_tokens   int CHECK (thinking_tokens >= 0),
  injected_tokens   int CHECK (injected_tokens >= 0),
  answer_tokens     int CHECK (answer_tokens >= 0),
  recomputed_tokens int NOT NULL CHECK (recomputed_tokens >= 0),
  completion_tokens int GENERATED ALWAYS AS (thinking_tokens + injected_tokens + answer_tokens) STORED,
  total_tokens      int GENERATED ALWAYS AS (prompt_tokens + thinking_tokens + injected_tokens + answer_tokens) STORED,
  wall_ms           bigint NOT NULL CHECK (wall_ms >= 0),
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  truncated         boolean NOT NULL DEFAULT false,
  empty             boolean NOT NULL DEFAULT false,
  asked_model_id    int,
  asked_mode        moed.reasoning_mode,
  origin_id         int,
  source            text NOT NULL DEFAULT 'counted' CHECK (source IN ('counted', 'usage')),
  told_completion_tokens int CHECK (told_completion_tokens >= 0),
  CONSTRAINT counted_is_complete CHECK (source = 'usage' OR told_completion_tokens IS NULL
    AND num_nulls(prompt_tokens, cached_tokens, thinking_tokens, injected_tokens, answer_tokens) = 0)
);
COMMENT ON TABLE moed.token_ledger IS 'Append-only token account. One final row per succeeded job; wasted rows for work that was thrown away.';
COMMENT ON COLUMN moed.token_ledger.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.token_ledger.job_id IS 'moed.job.id; the job may have been deleted.';
COMMENT ON COLUMN moed.token_ledger.lease_token IS 'Claim that did the work.';
COMMENT ON COLUMN moed.token_ledger.kind IS 'final: the job''s answer, billed once. wasted: an attempt that failed, was cancelled or released; never billed.';
COMMENT ON COLUMN moed.token_ledger.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.token_ledger.model_id IS 'moed.model.id of the model that ran.';
COMMENT ON COLUMN moed.token_ledger.mode IS 'Mode that ran: thinking or non_thinking.';
COMMENT ON COLUMN moed.token_ledger.prompt_tokens IS 'Tokens of the prompt, cached ones included.';
COMMENT ON COLUMN moed.token_ledger.cached_tokens IS 'Prompt tokens taken from a cached prefix.';
COMMENT ON COLUMN moed.token_ledger.thinking_tokens IS 'Generated up to and including the end of thinking.';
COMMENT ON COLUMN moed.token_ledger.injected_tokens IS 'Put in to end the thinking at its budget.';
COMMENT ON COLUMN moed.token_ledger.answer_tokens IS 'Generated outside of thinking, the end token included.';
COMMENT ON COLUMN moed.token_ledger.recomputed_tokens IS 'Computed again: after a crash, or when a sequence had given its KV capacity up. Never billed, in no sum.';
COMMENT ON COLUMN moed.token_ledger.completion_tokens IS 'thinking + injected + answer.';
COMMENT ON COLUMN moed.token_ledger.total_tokens IS 'prompt + completion.';
COMMENT ON COLUMN moed.token_ledger.wall_ms IS 'Milliseconds from claim to end of the attempt.';
COMMENT ON COLUMN moed.token_ledger.created_at IS 'When the row was written.';
COMMENT ON COLUMN moed.token_ledger.truncated IS 'True when max_tokens or the end of the context ended an answer.';
COMMENT ON COLUMN moed.token_ledger.empty IS 'True when an answer has no text.';
COMMENT ON COLUMN moed.token_ledger.asked_model_id IS 'moed.model.id asked for; NULL: of a daemon before migration 17, and model_id and mode are those asked for.';
COMMENT ON COLUMN moed.token_ledger.asked_mode IS 'Mode asked for, as moed.job.mode.';
COMMENT ON COLUMN moed.token_ledger.source IS 'counted: from token ids, exact. usage: the word of an endpoint with api: chat; what it did not tell is NULL.';
COMMENT ON COLUMN moed.token_ledger.told_completion_tokens IS 'Completion tokens that such an endpoint told; NULL: none told, or counted.';
COMMENT ON COLUMN moed.token_ledger.origin_id IS 'moed.origin.id of what computed the tokens; NULL: not known.';

CREATE UNIQUE INDEX token_ledger_final_idx ON moed.token_ledger (job_id) WHERE kind = 'final';
CREATE UNIQUE INDEX token_ledger_attempt_idx ON moed.token_ledger (job_id, lease_token, kind);
CREATE INDEX token_ledger_created_idx ON moed.token_ledger (created_at);

CREATE TRIGGER note_usage AFTER INSERT ON moed.token_ledger
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.note_usage();
