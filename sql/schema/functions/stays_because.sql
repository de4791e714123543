CREATE FUNCTION moed.stays_because(tenant_id int, model_id int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT CASE
    WHEN t.remote_allowed IS false THEN format('remote_allowed of tenant "%s" is false', t.name)
    WHEN t.spent_today >= t.money_per_day THEN
      format('tenant "%s" has spent %s of its %s of today at endpoints', t.name, trim_scale(t.spent_today),
             trim_scale(t.money_per_day))
    WHEN e.endpoints > 0 AND e.trusting = 0 THEN format('no endpoint names tenant "%s" in its trust', t.name) END
    FROM moed.tenants t CROSS JOIN LATERAL (
      SELECT count(*) AS endpoints, count(*) FILTER (WHERE s.trusted IS NULL OR t.name = ANY (s.trusted)) AS trusting
        FROM moed.endpoint_state s JOIN moed.worker w ON w.id = s.worker_id
       WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND stays_because.model_id = ANY (w.models)) e
   WHERE t.id = stays_because.tenant_id
$$;
COMMENT ON FUNCTION moed.stays_because(int, int) IS 'Reason why jobs of a tenant may not leave the house; NULL: they may.';
