CREATE TABLE moed.batch (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
  tenant_id    int NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  cancelled_at timestamptz,
  notifies     boolean NOT NULL DEFAULT false,
  ended_line   int NOT NULL DEFAULT 0,
  announced_at timestamptz
);
COMMENT ON TABLE moed.batch IS 'One import by moed.import_batch().';
COMMENT ON COLUMN moed.batch.id IS 'Key, as moed.import_batch() returned it.';
COMMENT ON COLUMN moed.batch.name IS 'Name given at import, 1 to 512 characters.';
COMMENT ON COLUMN moed.batch.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.batch.created_at IS 'When it was imported.';
COMMENT ON COLUMN moed.batch.cancelled_at IS 'When moed.cancel_batch() was called.';
COMMENT ON COLUMN moed.batch.notifies IS 'True: NOTIFY moed_done with the id when all its jobs have ended.';
COMMENT ON COLUMN moed.batch.ended_line IS 'The jobs of all lines up to this one have ended; workers move it on while notifies waits for the end.';
COMMENT ON COLUMN moed.batch.announced_at IS 'When the end was notified.';

CREATE INDEX batch_announce_idx ON moed.batch (id) WHERE notifies AND announced_at IS NULL;
