CREATE FUNCTION moed.redrive_these(jobs bigint[]) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  queued bigint[];
BEGIN
  -- A crashed job keeps its quarantine: it may well crash again.
  WITH free AS MATERIALIZED (
    SELECT j.id FROM moed.job j WHERE j.id = ANY (jobs) AND j.state IN ('failed', 'cancelled') FOR UPDATE SKIP LOCKED
  ), moved AS (
    UPDATE moed.job j
       SET state = 'queued', finished_at = NULL, started_at = NULL, cancel_requested_at = NULL, attempt = 0, run_at = now()
      FROM free f WHERE j.id = f.id RETURNING j.id
  )
  SELECT array_agg(m.id) INTO queued FROM moved m;
  DELETE FROM moed.job_result r WHERE r.job_id = ANY (queued);
  DELETE FROM moed.cancel_request r WHERE r.job_id = ANY (queued);
  IF queued IS NOT NULL THEN PERFORM moed.wake_idle(); END IF;
  RETURN coalesce(cardinality(queued), 0);
END $$;
COMMENT ON FUNCTION moed.redrive_these(bigint[]) IS 'Queues failed and cancelled jobs again in one statement; returns how many.';
