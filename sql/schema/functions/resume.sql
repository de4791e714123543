CREATE FUNCTION moed.resume(kind text, name text DEFAULT NULL) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$ SELECT moed.set_paused(kind, name, false) $$;
COMMENT ON FUNCTION moed.resume(text, text) IS 'Ends a pause; the end of ''all'' ends no other. Returns how many pauses there still are.';
