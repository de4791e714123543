CREATE FUNCTION moed.caller() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT current_user
$$;
COMMENT ON FUNCTION moed.caller() IS 'Role that is asking: the role of the session or of SET ROLE; in a SECURITY DEFINER function the owner of that function.';
