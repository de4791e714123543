CREATE FUNCTION moed.place_of_body(request text, body text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  place int := strpos(request, body);
  step int;
BEGIN
  -- Another member may look like the body. At the body's place a mark becomes the body.
  WHILE overlay(request PLACING '0' FROM place FOR length(body))::json ->> 'body' IS DISTINCT FROM '0' LOOP
    step := strpos(substr(request, place + 1), body);
    IF step = 0 THEN RETURN NULL; END IF;
    place := place + step;
  END LOOP;
  RETURN place;
END $$;
COMMENT ON FUNCTION moed.place_of_body(text, text) IS 'Character, from 1, at which the member body of a JSON object begins.';
