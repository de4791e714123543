-- Not current_user: in a SECURITY DEFINER function that is the function's owner. A session can SET ROLE only to a role
-- that it is a member of.
CREATE FUNCTION moed.caller() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END
$$;
COMMENT ON FUNCTION moed.caller() IS 'Role that is asking: of the session, or as set by SET ROLE.';
