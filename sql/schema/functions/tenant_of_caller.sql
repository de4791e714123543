CREATE FUNCTION moed.tenant_of_caller(caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.tenant_of_role(moed.role_of(caller))
$$;
COMMENT ON FUNCTION moed.tenant_of_caller(moed.acting_role) IS 'Tenant of the role that calls it. Rows of moed.tenant that the role cannot see count as well.';
