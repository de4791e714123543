CREATE TABLE moed.batch (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
  tenant_id    int NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  cancelled_at timestamptz
);
COMMENT ON TABLE moed.batch IS 'One import by moed.import_batch().';
COMMENT ON COLUMN moed.batch.id IS 'Key, as moed.import_batch() returned it.';
COMMENT ON COLUMN moed.batch.name IS 'Name given at import, 1 to 512 characters.';
COMMENT ON COLUMN moed.batch.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.batch.created_at IS 'When it was imported.';
COMMENT ON COLUMN moed.batch.cancelled_at IS 'When moed.cancel_batch() was called.';
