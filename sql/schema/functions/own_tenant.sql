CREATE FUNCTION moed.own_tenant() RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT t.id FROM moed.tenant t WHERE t.db_role = moed.caller()
$$;
COMMENT ON FUNCTION moed.own_tenant() IS 'Tenant of the calling role, by moed.tenant.db_role; NULL when it has none.';
