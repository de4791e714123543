CREATE FUNCTION moed.wake_idle() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- NOTIFY takes a lock at commit that all notifying transactions share: sent only when somebody waits for it.
  IF EXISTS (SELECT 1 FROM moed.worker w WHERE w.idle AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) THEN
    PERFORM pg_notify('moed_wake', '');
  END IF;
END $$;
COMMENT ON FUNCTION moed.wake_idle() IS 'Tells idle workers that there is work: NOTIFY moed_wake with an empty payload, once per transaction, and only when a live worker is idle.';
