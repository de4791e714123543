CREATE TABLE moed.api_key_use (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key_id   bigint NOT NULL REFERENCES moed.api_key ON DELETE CASCADE,
  job_id   bigint NOT NULL,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  reserved int NOT NULL CHECK (reserved >= 0)
);
COMMENT ON TABLE moed.api_key_use IS 'Direct requests of the last minutes, of keys that have limits.';
COMMENT ON COLUMN moed.api_key_use.id IS 'Key: logical replication finds deleted rows by it.';
COMMENT ON COLUMN moed.api_key_use.key_id IS 'moed.api_key.id.';
COMMENT ON COLUMN moed.api_key_use.job_id IS 'moed.job.id of the request.';
COMMENT ON COLUMN moed.api_key_use.at IS 'When it came.';
COMMENT ON COLUMN moed.api_key_use.reserved IS 'Tokens that it holds until it has ended.';

CREATE INDEX api_key_use_idx ON moed.api_key_use (key_id, at);
