-- No foreign key to moed.job: checking it row by row takes a fifth of a claim. Trigger job_forget deletes this row
-- together with its job.
CREATE TABLE moed.job_request (
  job_id   bigint PRIMARY KEY,
  body     json NOT NULL,
  warnings text[],
  body_bytes int
);
COMMENT ON TABLE moed.job_request IS 'Request of each job: an OpenAI chat-completion body. Written once.';
COMMENT ON COLUMN moed.job_request.job_id IS 'moed.job.id.';
COMMENT ON COLUMN moed.job_request.body IS 'Request body. json, not jsonb: kept byte for byte, \u0000 and lone surrogates included. When a member is repeated, the last one counts.';
COMMENT ON COLUMN moed.job_request.body_bytes IS 'Size of the body as text, in bytes: workers judge it without reading the body. NULL in rows from before migration 16.';
COMMENT ON COLUMN moed.job_request.warnings IS 'Remarks made at enqueue that do not stop the job; NULL is none.';
