-- Not a column of moed.job: an open transaction that asks for a cancellation would hold the row of a running job.
-- The key is not the job: a second request would wait for the first one's transaction.
CREATE TABLE moed.cancel_request (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id       bigint NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE moed.cancel_request IS 'Jobs to be cancelled that ran, or whose row was locked, when moed.cancel() was called. Workers delete rows of ended jobs.';
COMMENT ON COLUMN moed.cancel_request.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.cancel_request.job_id IS 'moed.job.id; several requests for one job are possible.';
COMMENT ON COLUMN moed.cancel_request.requested_at IS 'When moed.cancel() was called.';

CREATE INDEX cancel_request_job_idx ON moed.cancel_request (job_id);
