-- PostgreSQL does not give the place. A text cut off behind the fault has the same fault, so halving finds it.
CREATE FUNCTION moed.json_fault_place(source text, fault text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  low int := 0;
  high int := length(source);
  middle int;
BEGIN
  -- The fault is the end of the text when it is another one with more text.
  IF moed.json_fault(source || chr(1)) = fault THEN
    WHILE high - low > 1 LOOP
      middle := (low + high) / 2;
      IF moed.json_fault(left(source, middle)) = fault THEN high := middle; ELSE low := middle; END IF;
    END LOOP;
  END IF;
  RETURN octet_length(left(source, high));
END $$;
COMMENT ON FUNCTION moed.json_fault_place(text, text) IS 'Byte, from 1, at which PostgreSQL finds this fault in a text that is not JSON.';
