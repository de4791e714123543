CREATE TABLE moed.migration (
  version     int PRIMARY KEY,
  name        text NOT NULL,
  checksum    text NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  works_since int
);
COMMENT ON TABLE moed.migration IS 'Applied schema migrations; written by `moed migrate`.';
COMMENT ON COLUMN moed.migration.version IS 'Number of the migration; they are applied in this order.';
COMMENT ON COLUMN moed.migration.name IS 'File name of the migration without its ending.';
COMMENT ON COLUMN moed.migration.checksum IS 'SHA-256 of the file as it was applied, in hexadecimal.';
COMMENT ON COLUMN moed.migration.applied_at IS 'When it was applied.';
COMMENT ON COLUMN moed.migration.works_since IS 'Programs that know migrations up to this number at least work with the schema as it is after this one; NULL: only those that know it.';
