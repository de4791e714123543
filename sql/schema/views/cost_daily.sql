CREATE VIEW moed.cost_daily WITH (security_invoker = true) AS
SELECT (l.created_at AT TIME ZONE 'UTC')::date AS day, t.name AS tenant, m.name AS model, l.mode, count(*) AS jobs,
  sum((l.prompt_tokens - coalesce(l.cached_tokens, 0)) * p.prompt + coalesce(l.cached_tokens, 0) * p.cached
      + coalesce(l.completion_tokens, l.told_completion_tokens) * p.completion) / 1000000 AS cost,
  count(*) FILTER (WHERE p.model IS NULL OR l.prompt_tokens IS NULL
                      OR coalesce(l.completion_tokens, l.told_completion_tokens) IS NULL) AS jobs_without_price
FROM moed.token_ledger l
JOIN moed.tenant t ON t.id = l.tenant_id
JOIN moed.model m ON m.id = l.model_id
LEFT JOIN LATERAL (
  SELECT p.* FROM moed.price p WHERE p.model = m.name AND p.valid_from <= l.created_at
   ORDER BY p.valid_from DESC LIMIT 1) p ON true
WHERE l.kind = 'final'
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.cost_daily IS 'Exact cost of succeeded jobs by moed.price. Wasted and recomputed tokens cost nothing.';
COMMENT ON COLUMN moed.cost_daily.day IS 'Day of completion, UTC.';
COMMENT ON COLUMN moed.cost_daily.tenant IS 'Owner of the jobs.';
COMMENT ON COLUMN moed.cost_daily.model IS 'Model that ran; its price holds.';
COMMENT ON COLUMN moed.cost_daily.mode IS 'Mode that ran: thinking or non_thinking.';
COMMENT ON COLUMN moed.cost_daily.jobs IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.cost_daily.cost IS 'Their cost; NULL when none had a price.';
COMMENT ON COLUMN moed.cost_daily.jobs_without_price IS 'Jobs among them whose model had no price, or whose counts an endpoint did not tell: not in cost.';
