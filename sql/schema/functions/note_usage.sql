CREATE FUNCTION moed.note_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens)
  SELECT n.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, count(*),
         coalesce(sum(c.tokens) FILTER (WHERE n.kind = 'final'), 0), sum(c.tokens)
    FROM new_rows n CROSS JOIN LATERAL (
      SELECT coalesce(n.total_tokens, coalesce(n.prompt_tokens, 0) + coalesce(n.told_completion_tokens, 0)) AS tokens) c
    GROUP BY n.tenant_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.note_usage() IS 'Adds the usage of new ledger rows to moed.usage_delta.';
