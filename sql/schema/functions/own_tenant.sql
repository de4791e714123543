-- Policies call it. It runs with the rights of the role that reads, so that the role counts.
CREATE FUNCTION moed.own_tenant() RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.tenant_of_caller()
$$;
COMMENT ON FUNCTION moed.own_tenant() IS 'Tenant of the calling role, by moed.tenant.db_role; NULL when it has none.';
