-- As with moed.usage_delta: sessions only insert here, and nobody waits for another's transaction.
CREATE TABLE moed.batch_delta (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id          uuid NOT NULL,
  lines             bigint NOT NULL DEFAULT 0,
  line_errors       bigint NOT NULL DEFAULT 0,
  completed         bigint NOT NULL DEFAULT 0,
  failed            bigint NOT NULL DEFAULT 0,
  expired           bigint NOT NULL DEFAULT 0,
  cancelled         bigint NOT NULL DEFAULT 0,
  pruned            bigint NOT NULL DEFAULT 0,
  attempts          bigint NOT NULL DEFAULT 0,
  prompt_tokens     bigint NOT NULL DEFAULT 0,
  cached_tokens     bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  reasoning_tokens  bigint NOT NULL DEFAULT 0,
  last_end          timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE moed.batch_delta IS 'Changes of counts of batches that are not yet in moed.batch_count.';
COMMENT ON COLUMN moed.batch_delta.id IS 'Key: logical replication finds deleted rows by it.';
COMMENT ON COLUMN moed.batch_delta.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_delta.lines IS 'Lines added.';
COMMENT ON COLUMN moed.batch_delta.line_errors IS 'Lines at fault among them.';
COMMENT ON COLUMN moed.batch_delta.completed IS 'Jobs that succeeded, less those that were pruned.';
COMMENT ON COLUMN moed.batch_delta.failed IS 'Jobs that failed, less those that were queued again or pruned.';
COMMENT ON COLUMN moed.batch_delta.expired IS 'Failed jobs with the code expired.';
COMMENT ON COLUMN moed.batch_delta.cancelled IS 'Jobs that were cancelled, less those that were queued again or pruned.';
COMMENT ON COLUMN moed.batch_delta.pruned IS 'Jobs that were deleted.';
COMMENT ON COLUMN moed.batch_delta.attempts IS 'Ledger rows: zero in all tells that no job ran.';
COMMENT ON COLUMN moed.batch_delta.prompt_tokens IS 'Prompt tokens of jobs that succeeded.';
COMMENT ON COLUMN moed.batch_delta.cached_tokens IS 'Prompt tokens from a cached prefix.';
COMMENT ON COLUMN moed.batch_delta.completion_tokens IS 'Completion tokens of jobs that succeeded.';
COMMENT ON COLUMN moed.batch_delta.reasoning_tokens IS 'Thinking and injected tokens among the completion tokens.';
COMMENT ON COLUMN moed.batch_delta.last_end IS 'When the last of these jobs ended.';

CREATE INDEX batch_delta_batch_idx ON moed.batch_delta (batch_id);
