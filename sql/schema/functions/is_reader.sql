CREATE FUNCTION moed.is_reader(role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'moed_reader' AND pg_has_role(is_reader.role, r.oid, 'USAGE'))
$$;
COMMENT ON FUNCTION moed.is_reader(name) IS 'True when a role may see the jobs of all tenants.';
