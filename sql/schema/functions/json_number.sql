CREATE FUNCTION moed.json_number(body json, name text) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE WHEN json_typeof(body -> name) = 'number' THEN (body ->> name)::numeric END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_number(json, text) IS 'Number member of a JSON object; NULL when absent, no number or out of range.';
