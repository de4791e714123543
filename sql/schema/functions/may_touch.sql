CREATE FUNCTION moed.may_touch(tenant_id int, role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT moed.is_confined(role) OR coalesce(may_touch.tenant_id = moed.tenant_of_role(role), false)
$$;
COMMENT ON FUNCTION moed.may_touch(int, name) IS 'True when a role may act on jobs of a tenant.';
