CREATE FUNCTION moed.tenant_of_role(role name) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  found_id int;
  ids int[];
  names text;
BEGIN
  SELECT t.id INTO found_id FROM moed.tenant t WHERE t.db_role = role;
  IF found_id IS NOT NULL THEN RETURN found_id; END IF;
  SELECT array_agg(t.id), string_agg(format('"%s" (role %s)', t.name, t.db_role), ', ' ORDER BY t.name) INTO ids, names
    FROM moed.tenant t JOIN pg_roles r ON r.rolname = t.db_role WHERE pg_has_role(role, r.oid, 'USAGE');
  IF cardinality(ids) > 1 THEN
    RAISE EXCEPTION 'role "%" is a member of the roles of several tenants: %', role, names
      USING ERRCODE = 'insufficient_privilege', HINT = 'SET ROLE to one of these roles, or give the role a tenant of its own.';
  END IF;
  RETURN ids[1];
END $$;
COMMENT ON FUNCTION moed.tenant_of_role(name) IS 'Tenant whose db_role is this role, else the tenant of the one db_role that it is a member of. NULL when there is none; an error when there are several.';
