CREATE FUNCTION moed.clear_cooldown(name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  waiting int;
BEGIN
  SELECT count(*) FILTER (WHERE e.state = 'out') INTO waiting FROM moed.endpoints e WHERE e.name = clear_cooldown.name
  HAVING count(*) > 0;
  IF waiting IS NULL THEN
    RAISE EXCEPTION 'there is no endpoint "%"', clear_cooldown.name USING ERRCODE = 'undefined_object',
      HINT = 'SELECT name FROM moed.endpoints lists those of the daemons that run.';
  END IF;
  INSERT INTO moed.cooldown_end AS c (endpoint, ended_at) VALUES (clear_cooldown.name, clock_timestamp())
  ON CONFLICT (endpoint) DO UPDATE SET ended_at = excluded.ended_at;
  RETURN waiting;
END $$;
COMMENT ON FUNCTION moed.clear_cooldown(text) IS 'Ends the pause of an endpoint at all daemons: each probes it within a second. Returns how many daemons had it in a pause.';
