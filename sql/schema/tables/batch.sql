CREATE TABLE moed.batch (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
  tenant_id       int NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  cancelled_at    timestamptz,
  notifies        boolean NOT NULL DEFAULT false,
  ended_line      int NOT NULL DEFAULT 0,
  announced_at    timestamptz,
  sealed_at       timestamptz DEFAULT now(),
  expires_at      timestamptz,
  import_key      text CHECK (length(import_key) BETWEEN 1 AND 512),
  input_file      uuid,
  time_window     text,
  metadata        json,
  deleted_outputs text[] NOT NULL DEFAULT '{}',
  output_lifetime int CHECK (output_lifetime > 0)
);
COMMENT ON TABLE moed.batch IS 'One file of requests: by moed.import_batch(), by moed import or by the HTTP gateway.';
COMMENT ON COLUMN moed.batch.id IS 'Key, as moed.import_batch() returned it.';
COMMENT ON COLUMN moed.batch.name IS 'Name given at import, 1 to 512 characters.';
COMMENT ON COLUMN moed.batch.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.batch.created_at IS 'When it was imported.';
COMMENT ON COLUMN moed.batch.cancelled_at IS 'When moed.cancel_batch() was called.';
COMMENT ON COLUMN moed.batch.notifies IS 'True: NOTIFY moed_done with the id when all its jobs have ended.';
COMMENT ON COLUMN moed.batch.ended_line IS 'The jobs of all lines up to this one have ended; workers move it on while notifies waits for the end.';
COMMENT ON COLUMN moed.batch.announced_at IS 'When the end was notified.';
COMMENT ON COLUMN moed.batch.sealed_at IS 'When its last line was added; NULL while lines are being added.';
COMMENT ON COLUMN moed.batch.expires_at IS 'Deadline of its jobs; NULL is none.';
COMMENT ON COLUMN moed.batch.import_key IS 'Key of moed.begin_import(): the same tenant and key continue this batch.';
COMMENT ON COLUMN moed.batch.input_file IS 'moed.api_file.id that it was made of; NULL: it did not come through the gateway.';
COMMENT ON COLUMN moed.batch.time_window IS 'completion_window as the client of the gateway wrote it.';
COMMENT ON COLUMN moed.batch.metadata IS 'metadata of the client of the gateway.';
COMMENT ON COLUMN moed.batch.deleted_outputs IS 'Output files that the client of the gateway deleted: output, error.';
COMMENT ON COLUMN moed.batch.output_lifetime IS 'Seconds after its end for which the gateway shows its output files; NULL is no limit.';

CREATE INDEX batch_announce_idx ON moed.batch (id) WHERE notifies AND announced_at IS NULL;
CREATE UNIQUE INDEX batch_import_key_idx ON moed.batch (tenant_id, import_key) WHERE import_key IS NOT NULL;
CREATE INDEX batch_tenant_idx ON moed.batch (tenant_id, created_at, id);

CREATE TRIGGER batch_forget AFTER DELETE ON moed.batch
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.batch_forget();
