-- No foreign key to moed.job: checking it row by row takes a fifth of a claim. Trigger job_forget deletes this row
-- together with its job.
CREATE TABLE moed.job_result (
  job_id        bigint PRIMARY KEY,
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
  origin_id     int,
  CONSTRAINT answer_or_error CHECK ((error_code IS NULL) = (finish_reason IS NOT NULL))
);
COMMENT ON TABLE moed.job_result IS 'Answer of a succeeded job or error of a failed one.';
COMMENT ON COLUMN moed.job_result.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.job_result.lease_token IS 'Token of the claim that wrote it: a repeated write is recognised by it.';
COMMENT ON COLUMN moed.job_result.finish_reason IS 'stop, tool_calls, length or content_filter; NULL for a failure.';
COMMENT ON COLUMN moed.job_result.content IS 'Answer of the first choice, without thinking; NUL characters replaced by U+FFFD.';
COMMENT ON COLUMN moed.job_result.reasoning IS 'Thinking text of the first choice; NULL when there was none.';
COMMENT ON COLUMN moed.job_result.body IS 'OpenAI chat.completion object with all choices and usage.';
COMMENT ON COLUMN moed.job_result.seed IS 'Seed that was used, as a signed 64-bit number: the same request with it gives the same tokens.';
COMMENT ON COLUMN moed.job_result.warnings IS 'Remarks that did not stop the job.';
COMMENT ON COLUMN moed.job_result.error_code IS 'Machine-readable reason of the failure, e.g. invalid_value, context_length_exceeded, model_not_found, worker_lost.';
COMMENT ON COLUMN moed.job_result.error_message IS 'Reason of the failure in words.';
COMMENT ON COLUMN moed.job_result.error_param IS 'Field of the request at fault, if one is.';
COMMENT ON COLUMN moed.job_result.created_at IS 'When it was written.';
COMMENT ON COLUMN moed.job_result.origin_id IS 'moed.origin.id of what computed the answer; NULL: a failure, or of a daemon before migration 17.';
