CREATE FUNCTION moed.redrive(job_id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- A crashed job keeps its quarantine: it may well crash again.
  UPDATE moed.job j
     SET state = 'queued', finished_at = NULL, started_at = NULL, cancel_requested_at = NULL, attempt = 0, run_at = now()
   WHERE j.id = redrive.job_id AND j.state IN ('failed', 'cancelled') AND moed.may_touch(j.tenant_id);
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM moed.job_result r WHERE r.job_id = redrive.job_id;
  DELETE FROM moed.cancel_request r WHERE r.job_id = redrive.job_id;
  PERFORM moed.wake_idle();
  RETURN true;
END $$;
COMMENT ON FUNCTION moed.redrive(bigint) IS 'Queues a failed or cancelled job again with fresh attempts; false when it is in another state.';
