CREATE FUNCTION moed.pause(kind text, name text DEFAULT NULL) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$ SELECT moed.set_paused(kind, name, true) $$;
COMMENT ON FUNCTION moed.pause(text, text) IS 'Starts no more jobs: moed.pause(''all''), moed.pause(''model'', name), moed.pause(''tenant'', name). Running jobs go on; enqueueing too. Returns how many pauses there are afterwards.';
