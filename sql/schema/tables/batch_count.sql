-- No foreign key: a transaction that deletes the batch would keep the folding waiting. Trigger batch_forget deletes the row.
CREATE TABLE moed.batch_count (
  batch_id          uuid PRIMARY KEY,
  lines             bigint NOT NULL,
  line_errors       bigint NOT NULL,
  completed         bigint NOT NULL,
  failed            bigint NOT NULL,
  expired           bigint NOT NULL,
  cancelled         bigint NOT NULL,
  pruned            bigint NOT NULL,
  attempts          bigint NOT NULL,
  prompt_tokens     bigint NOT NULL,
  cached_tokens     bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  reasoning_tokens  bigint NOT NULL,
  last_end          timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE moed.batch_count IS 'Counts of batches. Add moed.batch_delta to them, or read moed.batches.';
COMMENT ON COLUMN moed.batch_count.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_count.lines IS 'Lines of the file, empty ones not counted.';
COMMENT ON COLUMN moed.batch_count.line_errors IS 'Lines at fault.';
COMMENT ON COLUMN moed.batch_count.completed IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.batch_count.failed IS 'Jobs that failed.';
COMMENT ON COLUMN moed.batch_count.expired IS 'Failed jobs with the code expired.';
COMMENT ON COLUMN moed.batch_count.cancelled IS 'Jobs that were cancelled.';
COMMENT ON COLUMN moed.batch_count.pruned IS 'Jobs that were deleted after their retention.';
COMMENT ON COLUMN moed.batch_count.attempts IS 'Ledger rows of its jobs.';
COMMENT ON COLUMN moed.batch_count.prompt_tokens IS 'Prompt tokens of jobs that succeeded, pruned ones included.';
COMMENT ON COLUMN moed.batch_count.cached_tokens IS 'Prompt tokens from a cached prefix.';
COMMENT ON COLUMN moed.batch_count.completion_tokens IS 'Completion tokens of jobs that succeeded, pruned ones included.';
COMMENT ON COLUMN moed.batch_count.reasoning_tokens IS 'Thinking and injected tokens among the completion tokens.';
COMMENT ON COLUMN moed.batch_count.last_end IS 'When the last job ended; a job that is queued again changes it at its next end.';
