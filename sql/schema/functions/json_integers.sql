CREATE FUNCTION moed.json_integers(body json, name text) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.json_texts(body, name)::int[];
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_integers(json, text) IS 'Array member of a JSON object as integers; NULL when absent or not made of integers.';
