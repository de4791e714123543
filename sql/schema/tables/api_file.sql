CREATE TABLE moed.api_file (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id   int NOT NULL,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
  purpose     text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 64),
  bytes       bigint NOT NULL DEFAULT 0,
  lines       int NOT NULL DEFAULT 0,
  parts       int NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  uploaded_at timestamptz,
  expires_at  timestamptz
);
COMMENT ON TABLE moed.api_file IS 'Files that were uploaded to the HTTP gateway.';
COMMENT ON COLUMN moed.api_file.id IS 'Key; the API shows it as file-….';
COMMENT ON COLUMN moed.api_file.tenant_id IS 'moed.tenant.id of its owner.';
COMMENT ON COLUMN moed.api_file.name IS 'File name that the client gave.';
COMMENT ON COLUMN moed.api_file.purpose IS 'Purpose that the client gave, such as batch.';
COMMENT ON COLUMN moed.api_file.bytes IS 'Its size.';
COMMENT ON COLUMN moed.api_file.lines IS 'Lines that are not empty.';
COMMENT ON COLUMN moed.api_file.parts IS 'Rows of moed.api_file_part that it has.';
COMMENT ON COLUMN moed.api_file.created_at IS 'When its upload began.';
COMMENT ON COLUMN moed.api_file.uploaded_at IS 'When its upload ended; NULL while it has not.';
COMMENT ON COLUMN moed.api_file.expires_at IS 'When it is deleted; NULL is never.';

CREATE INDEX api_file_tenant_idx ON moed.api_file (tenant_id, created_at, id) WHERE uploaded_at IS NOT NULL;
CREATE INDEX api_file_expiry_idx ON moed.api_file (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX api_file_unfinished_idx ON moed.api_file (created_at) WHERE uploaded_at IS NULL;
