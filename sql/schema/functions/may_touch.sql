CREATE FUNCTION moed.may_touch(tenant_id int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT moed.is_confined() OR coalesce(may_touch.tenant_id = moed.own_tenant(), false)
$$;
COMMENT ON FUNCTION moed.may_touch(int) IS 'Whether the caller may act on jobs of a tenant.';
