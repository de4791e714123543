CREATE FUNCTION moed.place_of_body(request text, body text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  -- Other members may look like the body, and there may be many of them.
  pieces text[] := string_to_array(request, body);
  low int := 1;
  high int := cardinality(pieces) - 1;
  middle int;
BEGIN
  -- The occurrence sought is in low … high. A mark in place of the first ones becomes the body when it is one of them.
  WHILE low < high LOOP
    middle := (low + high) / 2;
    IF (array_to_string(pieces[:middle + 1], '0') || body || array_to_string(pieces[middle + 2:], body))::json ->> 'body'
       IS NOT DISTINCT FROM '0' THEN
      high := middle;
    ELSE
      low := middle + 1;
    END IF;
  END LOOP;
  IF high < 1 OR (array_to_string(pieces[:low], body) || '0' || array_to_string(pieces[low + 1:], body))::json ->> 'body'
     IS DISTINCT FROM '0' THEN
    RETURN NULL;
  END IF;
  RETURN length(array_to_string(pieces[:low], body)) + 1;
END $$;
COMMENT ON FUNCTION moed.place_of_body(text, text) IS 'Character, from 1, at which the member body of a JSON object begins.';
