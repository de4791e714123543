-- PostgreSQL's limit of nesting depends on how deep its stack is at the moment. A worker accepts 128 levels.
CREATE FUNCTION moed.stored_body(body text) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN body::json;
EXCEPTION WHEN program_limit_exceeded THEN
  RETURN ('{"messages":' || repeat('[', 200) || repeat(']', 200) || '}')::json;
END $$;
COMMENT ON FUNCTION moed.stored_body(text) IS 'Request body as it is stored. A body nested too deeply for PostgreSQL is replaced by one that fails for the same reason.';
