-- moed.archive_jobs() adds a partition for each month, moed.archive_2026_11 and so on. An old one is dropped or detached whole.
CREATE TABLE moed.archive (
  id            bigint NOT NULL,
  finished_at   timestamptz NOT NULL,
  state         text NOT NULL,
  tenant        text NOT NULL,
  tenant_id     int NOT NULL,
  model         text,
  mode          text NOT NULL,
  created_at    timestamptz NOT NULL,
  started_at    timestamptz,
  content       text,
  reasoning     text,
  finish_reason text,
  error         text,
  warning       text,
  metadata      json,
  request       json,
  response      json,
  prompt_tokens bigint,
  completion_tokens bigint,
  total_tokens  bigint,
  batch_id      uuid,
  custom_id     text,
  PRIMARY KEY (finished_at, id)
) PARTITION BY RANGE (finished_at);
COMMENT ON TABLE moed.archive IS 'Ended jobs that moed.archive_jobs() moved here, one partition a month (UTC).';
COMMENT ON COLUMN moed.archive.id IS 'Job number.';
COMMENT ON COLUMN moed.archive.finished_at IS 'When it reached its final state.';
COMMENT ON COLUMN moed.archive.state IS 'succeeded, failed or cancelled.';
COMMENT ON COLUMN moed.archive.tenant IS 'Owner.';
COMMENT ON COLUMN moed.archive.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.archive.model IS 'Model that it asked for.';
COMMENT ON COLUMN moed.archive.mode IS 'Mode that it ran in.';
COMMENT ON COLUMN moed.archive.created_at IS 'Start of the enqueueing transaction.';
COMMENT ON COLUMN moed.archive.started_at IS 'When its last attempt was claimed.';
COMMENT ON COLUMN moed.archive.content IS 'Answer of the first choice.';
COMMENT ON COLUMN moed.archive.reasoning IS 'Thinking of the first choice.';
COMMENT ON COLUMN moed.archive.finish_reason IS 'End of the answer: stop, tool_calls, length or content_filter; NULL for a failure.';
COMMENT ON COLUMN moed.archive.error IS 'Error of a failed job.';
COMMENT ON COLUMN moed.archive.warning IS 'Remarks on the job.';
COMMENT ON COLUMN moed.archive.metadata IS 'metadata of the request.';
COMMENT ON COLUMN moed.archive.request IS 'Request body, byte for byte.';
COMMENT ON COLUMN moed.archive.response IS 'Response in OpenAI''s form.';
COMMENT ON COLUMN moed.archive.prompt_tokens IS 'Prompt tokens.';
COMMENT ON COLUMN moed.archive.completion_tokens IS 'Tokens of all choices.';
COMMENT ON COLUMN moed.archive.total_tokens IS 'Sum of both.';
COMMENT ON COLUMN moed.archive.batch_id IS 'moed.batch.id; NULL without a batch. The batch may have been pruned.';
COMMENT ON COLUMN moed.archive.custom_id IS 'Name of its line in the batch.';

CREATE INDEX archive_id_idx ON moed.archive (id);
