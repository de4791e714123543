CREATE FUNCTION moed.note_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens)
  SELECT n.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, count(*),
         coalesce(sum(c.tokens) FILTER (WHERE n.kind = 'final'), 0), sum(c.tokens)
    FROM new_rows n CROSS JOIN LATERAL (
      SELECT coalesce(n.total_tokens, coalesce(n.prompt_tokens, 0) + coalesce(n.told_completion_tokens, 0)) AS tokens) c
    GROUP BY n.tenant_id;
  INSERT INTO moed.batch_delta (batch_id, attempts, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens)
  SELECT l.batch_id, count(*), coalesce(sum(n.prompt_tokens) FILTER (WHERE n.kind = 'final'), 0),
         coalesce(sum(n.cached_tokens) FILTER (WHERE n.kind = 'final'), 0),
         coalesce(sum(coalesce(n.completion_tokens, n.told_completion_tokens)) FILTER (WHERE n.kind = 'final'), 0),
         coalesce(sum(n.thinking_tokens + n.injected_tokens) FILTER (WHERE n.kind = 'final'), 0)
    FROM new_rows n JOIN moed.batch_line l ON l.job_id = n.job_id GROUP BY l.batch_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.note_usage() IS 'Adds the usage of new ledger rows to moed.usage_delta and moed.batch_delta.';
