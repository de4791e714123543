CREATE FUNCTION moed.pauses() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT ARRAY(
    SELECT p.what FROM (
      SELECT 1 AS place, 'all' AS what FROM moed.control c WHERE c.paused_at IS NOT NULL
      UNION ALL SELECT 2, 'model ' || m.name FROM moed.model m WHERE m.paused_at IS NOT NULL
      UNION ALL SELECT 3, 'tenant ' || t.name FROM moed.tenant t WHERE t.paused_at IS NOT NULL) AS p
    ORDER BY p.place, p.what)
$$;
COMMENT ON FUNCTION moed.pauses() IS 'Pauses in force: all, model NAME, tenant NAME. Empty when nothing is paused.';
