-- No foreign key to moed.job: the line outlives a pruned job.
CREATE TABLE moed.batch_line (
  batch_id      uuid NOT NULL REFERENCES moed.batch ON DELETE CASCADE,
  line          int NOT NULL CHECK (line > 0),
  custom_id     text CHECK (length(custom_id) BETWEEN 1 AND 512),
  job_id        bigint,
  error_code    text,
  error_message text,
  error_param   text,
  PRIMARY KEY (batch_id, line),
  CONSTRAINT job_or_error CHECK ((job_id IS NULL) = (error_code IS NOT NULL))
);
COMMENT ON TABLE moed.batch_line IS 'Lines of imported batches: the job of each, or its error.';
COMMENT ON COLUMN moed.batch_line.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_line.line IS 'Number of the line in the file, from 1; empty lines count.';
COMMENT ON COLUMN moed.batch_line.custom_id IS 'Name of the line, given by the client, unique in the batch. A line at fault keeps the first 512 characters.';
COMMENT ON COLUMN moed.batch_line.job_id IS 'moed.job.id; NULL for a line that is at fault.';
COMMENT ON COLUMN moed.batch_line.error_code IS 'Fault of the line: invalid_json, missing_required_parameter, invalid_value or duplicate_custom_id.';
COMMENT ON COLUMN moed.batch_line.error_message IS 'The same in words.';
COMMENT ON COLUMN moed.batch_line.error_param IS 'Member at fault.';

CREATE UNIQUE INDEX batch_line_custom_id_idx ON moed.batch_line (batch_id, custom_id) WHERE job_id IS NOT NULL;
-- A worker finds the batch of a job before a request of it leaves the house, and when it ends.
CREATE INDEX batch_line_job_idx ON moed.batch_line (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX batch_line_error_idx ON moed.batch_line (batch_id, line) WHERE job_id IS NULL;

CREATE TRIGGER count_lines AFTER INSERT ON moed.batch_line
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.count_lines();
