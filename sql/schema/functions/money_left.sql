CREATE FUNCTION moed.money_left(tenant int) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
  PERFORM FROM moed.tenant t WHERE t.id = tenant AND t.money_per_day IS NOT NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  -- One worker at a time takes money. Each later statement of this function sees what the worker before has written.
  PERFORM FROM moed.tenant_usage u WHERE u.tenant_id = tenant FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO moed.tenant_usage (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at)
    VALUES (tenant, today, 0, 0, 0, clock_timestamp()) ON CONFLICT DO NOTHING;
    PERFORM FROM moed.tenant_usage u WHERE u.tenant_id = tenant FOR UPDATE;
  END IF;
  RETURN (SELECT t.money_per_day - t.spent_today FROM moed.tenants t WHERE t.id = tenant) - coalesce(
    (SELECT sum(d.spent) FROM moed.usage_delta d WHERE d.tenant_id = tenant AND d.day = today), 0);
END $$;
COMMENT ON FUNCTION moed.money_left(int) IS 'Money that a tenant may still spend at endpoints today; NULL is no limit. It locks the tenant''s row of moed.tenant_usage until the end of the transaction: other workers wait.';
