-- Workers only insert here. A counter row per tenant would make all workers wait for each other.
-- moed.fold_usage() adds the rows up every few seconds.
CREATE TABLE moed.usage_delta (
  tenant_id     int NOT NULL,
  day           date NOT NULL,
  jobs          int NOT NULL,
  billed_tokens bigint NOT NULL,
  served_tokens bigint NOT NULL,
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  spent         numeric NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE moed.usage_delta IS 'Usage by new ledger rows that is not yet in moed.tenant_usage.';
COMMENT ON COLUMN moed.usage_delta.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.usage_delta.day IS 'Day, UTC.';
COMMENT ON COLUMN moed.usage_delta.jobs IS 'Ledger rows.';
COMMENT ON COLUMN moed.usage_delta.billed_tokens IS 'Tokens of succeeded jobs.';
COMMENT ON COLUMN moed.usage_delta.spent IS 'Money at endpoints: a reserve before a request, the difference to its cost afterwards.';
COMMENT ON COLUMN moed.usage_delta.served_tokens IS 'Tokens computed for it, wasted ones included.';
COMMENT ON COLUMN moed.usage_delta.id IS 'Key: logical replication finds deleted rows by it.';
