-- Two open transactions that add one tenant give it one id. Ids of tenants before migration 18 are below 2^30. An id in use
-- is passed over: two names have the same first one in a case out of 2^30.
CREATE FUNCTION moed.tenant_key(tenant_name text) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT k.id FROM (
    SELECT 1073741824 + (hashtextextended(tenant_name, n) & 1073741823)::int AS id, n FROM generate_series(0, 9) AS n) AS k
   WHERE NOT EXISTS (SELECT FROM moed.tenant t WHERE t.id = k.id) ORDER BY k.n LIMIT 1
$$;
COMMENT ON FUNCTION moed.tenant_key(text) IS 'Id of a tenant that is not there yet, from its name.';
