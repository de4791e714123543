CREATE VIEW moed.tenants WITH (security_invoker = true) AS
SELECT t.id, t.name, t.weight, t.max_running, t.tokens_per_day, coalesce(u.billed_tokens, 0) AS tokens_today,
  t.paused_at,
  t.paused_at IS NULL AND NOT EXISTS (SELECT FROM moed.control c WHERE c.paused_at IS NOT NULL)
    AND (t.tokens_per_day IS NULL OR coalesce(u.billed_tokens, 0) < t.tokens_per_day) AS may_start,
  coalesce(r.served_jobs * d.part, 0) AS recent_jobs,
  coalesce(r.served_tokens * d.part, 0) AS recent_tokens,
  t.db_role, t.created_at, t.remote_allowed, t.money_per_day, coalesce(u.spent, 0) AS spent_today,
  t.remote_allowed IS NOT false AND (t.money_per_day IS NULL OR coalesce(u.spent, 0) < t.money_per_day) AS may_leave
FROM moed.tenant t
LEFT JOIN moed.tenant_usage r ON r.tenant_id = t.id
LEFT JOIN LATERAL (SELECT r.billed_tokens, r.spent WHERE r.day = (clock_timestamp() AT TIME ZONE 'UTC')::date) u ON true
LEFT JOIN LATERAL (SELECT moed.decay(clock_timestamp() - r.folded_at) AS part) d ON true;
COMMENT ON VIEW moed.tenants IS 'Tenants with their usage; it is a few seconds old.';
COMMENT ON COLUMN moed.tenants.id IS 'Key.';
COMMENT ON COLUMN moed.tenants.name IS 'Name given at enqueue.';
COMMENT ON COLUMN moed.tenants.weight IS 'Share relative to other tenants with waiting jobs.';
COMMENT ON COLUMN moed.tenants.max_running IS 'Most jobs running at once; NULL is no cap.';
COMMENT ON COLUMN moed.tenants.tokens_per_day IS 'Budget of a day, UTC; NULL is none.';
COMMENT ON COLUMN moed.tenants.tokens_today IS 'Tokens of jobs that succeeded since midnight UTC.';
COMMENT ON COLUMN moed.tenants.paused_at IS 'When it was paused.';
COMMENT ON COLUMN moed.tenants.may_start IS 'True when its jobs start: neither it nor everything is paused, and its budget is not used up.';
COMMENT ON COLUMN moed.tenants.recent_jobs IS 'Attempts that ended, each counting half as much after five minutes.';
COMMENT ON COLUMN moed.tenants.recent_tokens IS 'Tokens of these attempts, decayed alike. A tenant with fewer comes first.';
COMMENT ON COLUMN moed.tenants.db_role IS 'Database role whose rows these are.';
COMMENT ON COLUMN moed.tenants.created_at IS 'When it was added.';
COMMENT ON COLUMN moed.tenants.remote_allowed IS 'false: its jobs never go to an endpoint outside of the house.';
COMMENT ON COLUMN moed.tenants.money_per_day IS 'Budget for endpoints of a day, UTC; NULL is none.';
COMMENT ON COLUMN moed.tenants.spent_today IS 'Money at endpoints since midnight UTC, reserves of open requests included.';
COMMENT ON COLUMN moed.tenants.may_leave IS 'True when its jobs may go to endpoints outside of the house: allowed, and the budget is not used up.';
