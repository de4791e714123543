CREATE FUNCTION moed.json_texts(body json, name text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE json_typeof(body -> name)
    WHEN 'array' THEN (SELECT array_agg(e.value ORDER BY e.ordinality)
                         FROM json_array_elements_text(body -> name) WITH ORDINALITY AS e)
    WHEN 'string' THEN ARRAY[body ->> name] END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_texts(json, text) IS 'Array member of a JSON object as texts, a single string as an array of one; NULL when absent or not decodable.';
