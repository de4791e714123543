-- A row of its own: the statement that adds lines holds it, and a cancellation of the batch must not wait for that.
CREATE TABLE moed.batch_import (
  batch_id   uuid PRIMARY KEY REFERENCES moed.batch ON DELETE CASCADE,
  file_id    uuid REFERENCES moed.api_file,
  next_part  int NOT NULL DEFAULT 0,
  lines      int NOT NULL DEFAULT 0,
  tenant     text,
  priority   numeric,
  run_at     timestamptz,
  reasoning  text,
  model      text,
  touched_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE moed.batch_import IS 'Batches whose lines are still being added, part by part.';
COMMENT ON COLUMN moed.batch_import.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_import.file_id IS 'moed.api_file.id whose parts a gateway adds; NULL: a client sends them.';
COMMENT ON COLUMN moed.batch_import.next_part IS 'Number of the part that comes next, from 0.';
COMMENT ON COLUMN moed.batch_import.lines IS 'Lines that were read, empty ones included.';
COMMENT ON COLUMN moed.batch_import.tenant IS 'Tenant of the jobs; NULL is that of the calling role.';
COMMENT ON COLUMN moed.batch_import.priority IS 'Priority of the jobs.';
COMMENT ON COLUMN moed.batch_import.run_at IS 'The jobs do not start before.';
COMMENT ON COLUMN moed.batch_import.reasoning IS 'Mode of lines that choose none.';
COMMENT ON COLUMN moed.batch_import.model IS 'Model of lines that name none.';
COMMENT ON COLUMN moed.batch_import.touched_at IS 'When the latest part was added: the batch that waits longest comes next.';

CREATE INDEX batch_import_turn_idx ON moed.batch_import (touched_at) WHERE file_id IS NOT NULL;
