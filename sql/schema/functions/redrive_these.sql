-- It waits for no lock longer than that: a row that somebody holds is passed over.
CREATE FUNCTION moed.redrive_these(jobs bigint[]) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  wanted bigint[] := jobs;
  queued int;
BEGIN
  LOOP
    BEGIN
      -- A crashed job keeps its quarantine: it may well crash again.
      UPDATE moed.job j
         SET state = 'queued', finished_at = NULL, started_at = NULL, cancel_requested_at = NULL, attempt = 0, run_at = now()
       WHERE j.id = ANY (wanted) AND j.state IN ('failed', 'cancelled');
      GET DIAGNOSTICS queued = ROW_COUNT;
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      wanted := ARRAY(SELECT j.id FROM moed.job j WHERE j.id = ANY (wanted) AND j.state IN ('failed', 'cancelled')
                         FOR UPDATE SKIP LOCKED);
    END;
  END LOOP;
  IF queued = 0 THEN RETURN 0; END IF;
  DELETE FROM moed.job_result r USING moed.job j
   WHERE r.job_id = ANY (wanted) AND j.id = r.job_id AND j.state IN ('queued', 'scheduled');
  DELETE FROM moed.cancel_request r USING moed.job j
   WHERE r.job_id = ANY (wanted) AND j.id = r.job_id AND j.state IN ('queued', 'scheduled');
  PERFORM moed.wake_idle();
  RETURN queued;
END $$;
COMMENT ON FUNCTION moed.redrive_these(bigint[]) IS 'Queues failed and cancelled jobs again in one statement; returns how many.';
