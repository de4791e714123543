CREATE FUNCTION moed.json_kind(value json) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE pg_catalog.json_typeof(value)
    WHEN 'object' THEN 'an object' WHEN 'array' THEN 'an array' WHEN 'string' THEN 'a string' WHEN 'number' THEN 'a number'
    WHEN 'null' THEN 'null' ELSE 'a boolean' END
$$;
COMMENT ON FUNCTION moed.json_kind(json) IS 'Kind of a JSON value in words: an object, an array, a string, a number, a boolean or null.';
