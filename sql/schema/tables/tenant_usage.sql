CREATE TABLE moed.tenant_usage (
  tenant_id     int PRIMARY KEY,
  day           date NOT NULL,
  billed_tokens bigint NOT NULL,
  served_jobs   double precision NOT NULL,
  served_tokens double precision NOT NULL,
  folded_at     timestamptz NOT NULL,
  spent         numeric NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE moed.tenant_usage IS 'Usage of each tenant: today, for its budget, and recent, for its share. Read it in moed.tenants.';
COMMENT ON COLUMN moed.tenant_usage.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.tenant_usage.day IS 'Day of billed_tokens, UTC.';
COMMENT ON COLUMN moed.tenant_usage.billed_tokens IS 'Tokens of the jobs that succeeded on that day.';
COMMENT ON COLUMN moed.tenant_usage.served_jobs IS 'Attempts that ended, each counting half as much after five minutes, at folded_at.';
COMMENT ON COLUMN moed.tenant_usage.served_tokens IS 'Their tokens, decayed alike.';
COMMENT ON COLUMN moed.tenant_usage.spent IS 'Money at endpoints on that day, reserves of open requests included.';
COMMENT ON COLUMN moed.tenant_usage.folded_at IS 'When the row was last updated.';
