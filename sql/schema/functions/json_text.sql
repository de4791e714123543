CREATE FUNCTION moed.json_text(body json, name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE WHEN json_typeof(body -> name) = 'string' THEN body ->> name END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_text(json, text) IS 'String member of a JSON object; NULL when absent, no string or not decodable.';
