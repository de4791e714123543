CREATE FUNCTION moed.is_confined() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT c.relrowsecurity AND NOT EXISTS (
      SELECT FROM pg_roles r WHERE r.rolname IN ('moed_owner', 'moed_worker', 'moed_operator')
         AND pg_has_role(moed.caller(), r.oid, 'USAGE'))
    FROM pg_class c WHERE c.oid = 'moed.job'::regclass
$$;
COMMENT ON FUNCTION moed.is_confined() IS 'Whether the caller acts for its own tenant only: row security is on, and it is neither worker, operator nor owner.';
