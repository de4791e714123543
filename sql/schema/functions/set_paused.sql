CREATE FUNCTION moed.set_paused(kind text, name text, paused boolean) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF kind = 'all' THEN
    UPDATE moed.control c SET paused_at = CASE WHEN paused THEN coalesce(c.paused_at, clock_timestamp()) END;
  ELSIF kind = 'tenant' THEN
    UPDATE moed.tenant t SET paused_at = CASE WHEN paused THEN coalesce(t.paused_at, clock_timestamp()) END
     WHERE t.name = set_paused.name;
  ELSIF kind = 'model' THEN
    UPDATE moed.model m SET paused_at = CASE WHEN paused THEN coalesce(m.paused_at, clock_timestamp()) END
     WHERE m.name = set_paused.name;
  ELSE
    RAISE EXCEPTION 'kind must be all, model or tenant, not "%"', kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no % "%"', kind, set_paused.name USING ERRCODE = 'undefined_object',
      HINT = format('SELECT name FROM moed.%s lists them.', kind);
  END IF;
  IF NOT paused THEN PERFORM moed.wake_idle(); END IF;
  RETURN (SELECT count(*) FROM moed.model m WHERE m.paused_at IS NOT NULL)
       + (SELECT count(*) FROM moed.tenant t WHERE t.paused_at IS NOT NULL)
       + (SELECT count(*) FROM moed.control c WHERE c.paused_at IS NOT NULL);
END $$;
COMMENT ON FUNCTION moed.set_paused(text, text, boolean) IS 'Common part of moed.pause() and moed.resume().';
