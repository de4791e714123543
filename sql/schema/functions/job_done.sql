CREATE FUNCTION moed.job_done() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- Nobody's listener that does not read may make an UPDATE of all workers fail: the queue of notifications is finite.
  IF pg_notification_queue_usage() < 0.5 THEN PERFORM pg_notify('moed_done', NEW.id::text); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.job_done() IS 'Notifies the end of a job on the channel moed_done: its id is the payload. Nothing is sent while half of PostgreSQL''s queue of notifications is full.';
