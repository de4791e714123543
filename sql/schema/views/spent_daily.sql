CREATE VIEW moed.spent_daily WITH (security_invoker = true) AS
SELECT (r.opened_at AT TIME ZONE 'UTC')::date AS day, r.endpoint, t.name AS tenant, m.name AS model,
  count(*) AS requests,
  coalesce(sum(r.prompt_tokens), 0) AS prompt_tokens,
  coalesce(sum(r.cached_tokens), 0) AS cached_tokens,
  coalesce(sum(r.completion_tokens), 0) AS completion_tokens,
  sum(r.cost) AS cost,
  coalesce(sum(r.completion_tokens - r.kept_tokens), 0) AS wasted_tokens,
  sum(CASE WHEN r.kept_tokens = 0 THEN r.cost
           ELSE 0.000001 * (r.completion_tokens - r.kept_tokens) * r.completion_price END) AS wasted_cost,
  count(*) FILTER (WHERE r.source = 'estimated') AS estimated,
  count(*) FILTER (WHERE r.cost IS NULL AND r.ended_at IS NOT NULL) AS requests_without_cost
FROM moed.endpoint_request r
JOIN moed.tenant t ON t.id = r.tenant_id
JOIN moed.model m ON m.id = r.model_id
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.spent_daily IS 'Requests to endpoints with their cost per day (UTC), endpoint, tenant and model asked for: what a provider''s invoice is compared with.';
COMMENT ON COLUMN moed.spent_daily.day IS 'Day of the request, UTC.';
COMMENT ON COLUMN moed.spent_daily.endpoint IS 'Name of the endpoint.';
COMMENT ON COLUMN moed.spent_daily.tenant IS 'Owner of the jobs.';
COMMENT ON COLUMN moed.spent_daily.model IS 'Model that the jobs asked for.';
COMMENT ON COLUMN moed.spent_daily.requests IS 'Requests that were recorded.';
COMMENT ON COLUMN moed.spent_daily.prompt_tokens IS 'Sum of known prompt tokens, cached ones included. A job that continues sends its tokens again.';
COMMENT ON COLUMN moed.spent_daily.cached_tokens IS 'Prompt tokens that endpoints had cached, where they tell.';
COMMENT ON COLUMN moed.spent_daily.completion_tokens IS 'Sum of known completion tokens.';
COMMENT ON COLUMN moed.spent_daily.cost IS 'Sum of known costs; NULL when none is known.';
COMMENT ON COLUMN moed.spent_daily.wasted_tokens IS 'Completion tokens that no job went on with.';
COMMENT ON COLUMN moed.spent_daily.wasted_cost IS 'Their cost, with the prompt when nothing of a request was kept.';
COMMENT ON COLUMN moed.spent_daily.estimated IS 'Requests whose counts are estimates.';
COMMENT ON COLUMN moed.spent_daily.requests_without_cost IS 'Ended requests whose cost is not known.';
