CREATE VIEW moed.usage_daily WITH (security_invoker = true) AS
SELECT
  (l.created_at AT TIME ZONE 'UTC')::date AS day, t.name AS tenant, m.name AS model, l.mode,
  count(*) FILTER (WHERE l.kind = 'final') AS jobs,
  coalesce(sum(l.prompt_tokens) FILTER (WHERE l.kind = 'final'), 0) AS prompt_tokens,
  coalesce(sum(l.cached_tokens) FILTER (WHERE l.kind = 'final'), 0) AS cached_tokens,
  coalesce(sum(l.thinking_tokens) FILTER (WHERE l.kind = 'final'), 0) AS thinking_tokens,
  coalesce(sum(l.injected_tokens) FILTER (WHERE l.kind = 'final'), 0) AS injected_tokens,
  coalesce(sum(l.answer_tokens) FILTER (WHERE l.kind = 'final'), 0) AS answer_tokens,
  coalesce(sum(coalesce(l.completion_tokens, l.told_completion_tokens)) FILTER (WHERE l.kind = 'final'), 0) AS completion_tokens,
  coalesce(sum(coalesce(l.total_tokens, l.prompt_tokens + l.told_completion_tokens)) FILTER (WHERE l.kind = 'final'), 0) AS total_tokens,
  coalesce(sum(l.recomputed_tokens), 0) AS recomputed_tokens,
  count(*) FILTER (WHERE l.kind = 'wasted') AS wasted_attempts,
  coalesce(sum(l.total_tokens) FILTER (WHERE l.kind = 'wasted'), 0) AS wasted_tokens,
  count(*) FILTER (WHERE l.truncated) AS truncated,
  count(*) FILTER (WHERE l.empty) AS empty
FROM moed.token_ledger l
JOIN moed.tenant t ON t.id = l.tenant_id
JOIN moed.model m ON m.id = l.model_id
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.usage_daily IS 'Token account per day (UTC), tenant, model and mode. Billed sums come from final rows only; recomputed and wasted tokens are in none of them.';
COMMENT ON COLUMN moed.usage_daily.day IS 'Day of completion, UTC.';
COMMENT ON COLUMN moed.usage_daily.tenant IS 'Owner of the jobs.';
COMMENT ON COLUMN moed.usage_daily.model IS 'Model that ran. Ledger rows of daemons before migration 17 have the one asked for.';
COMMENT ON COLUMN moed.usage_daily.mode IS 'Mode that ran: thinking or non_thinking.';
COMMENT ON COLUMN moed.usage_daily.jobs IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.usage_daily.prompt_tokens IS 'Sum of prompt tokens.';
COMMENT ON COLUMN moed.usage_daily.cached_tokens IS 'Of these, taken from a cached prefix.';
COMMENT ON COLUMN moed.usage_daily.thinking_tokens IS 'Sum of thinking tokens.';
COMMENT ON COLUMN moed.usage_daily.injected_tokens IS 'Sum of injected tokens.';
COMMENT ON COLUMN moed.usage_daily.answer_tokens IS 'Sum of answer tokens.';
COMMENT ON COLUMN moed.usage_daily.completion_tokens IS 'thinking + injected + answer.';
COMMENT ON COLUMN moed.usage_daily.total_tokens IS 'prompt + completion.';
COMMENT ON COLUMN moed.usage_daily.recomputed_tokens IS 'Computed again after a crash; not in any other column.';
COMMENT ON COLUMN moed.usage_daily.wasted_attempts IS 'Attempts whose tokens were thrown away.';
COMMENT ON COLUMN moed.usage_daily.wasted_tokens IS 'Their tokens; not in any other column.';
COMMENT ON COLUMN moed.usage_daily.truncated IS 'Of the jobs, those whose answer ended at max_tokens or at the end of the context.';
COMMENT ON COLUMN moed.usage_daily.empty IS 'Of the jobs, those with an empty answer.';
