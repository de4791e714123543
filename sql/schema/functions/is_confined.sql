CREATE FUNCTION moed.is_confined(role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT c.relrowsecurity AND NOT EXISTS (
      SELECT FROM pg_roles r WHERE r.rolname IN ('moed_owner', 'moed_worker', 'moed_operator')
         AND pg_has_role(is_confined.role, r.oid, 'USAGE'))
    FROM pg_class c WHERE c.oid = 'moed.job'::regclass
$$;
COMMENT ON FUNCTION moed.is_confined(name) IS 'True when a role acts for its own tenant only: row security is on, and the role is neither worker, operator nor owner.';
