-- The row moed.job is narrow and holds a job's state. Payload, result, attempts and token account have tables of
-- their own, so a change of state rewrites about 200 bytes.
CREATE SCHEMA moed;
COMMENT ON SCHEMA moed IS 'moed: offline bulk generation from SQL. Enqueue with moed.enqueue() or INSERT INTO moed.jobs; read moed.jobs.';
