CREATE FUNCTION moed.tenant_for(tenant_name text, role name) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  own int;
BEGIN
  -- The first question is the cheap one, and asked for every job.
  IF NOT (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = 'moed.job'::regclass) OR NOT moed.is_confined(role) THEN
    RETURN CASE WHEN tenant_name IS NULL THEN 1 ELSE moed.tenant_of(tenant_name) END;
  END IF;
  own := moed.tenant_of_role(role);
  IF own IS NULL THEN
    RAISE EXCEPTION 'role "%" has no tenant', role USING ERRCODE = 'insufficient_privilege',
      HINT = format('An operator gives it one: INSERT INTO moed.tenant (name, db_role) VALUES (''…'', %L). '
                    'In a SECURITY DEFINER function the owner of that function counts.', role);
  END IF;
  IF tenant_name <> (SELECT t.name FROM moed.tenant t WHERE t.id = own) THEN
    RAISE EXCEPTION 'tenant "%" is not that of role "%"', tenant_name, role
      USING ERRCODE = 'insufficient_privilege', HINT = 'Leave the tenant out: jobs are those of the role''s own.';
  END IF;
  RETURN own;
END $$;
COMMENT ON FUNCTION moed.tenant_for(text, name) IS 'Tenant of a new job: the named one, else that of the role, else "default".';
