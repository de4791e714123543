CREATE FUNCTION moed.job_wake() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- As moed.wake_idle(), without the call: it runs for every row of INSERT INTO moed.jobs ... SELECT.
  IF EXISTS (SELECT 1 FROM moed.worker w WHERE w.idle AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) THEN
    PERFORM pg_notify('moed_wake', '');
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.job_wake() IS 'Trigger form of moed.wake_idle().';
