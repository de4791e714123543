-- A running job's row is not locked: its worker writes the answer there. Nor does this wait for a waiting job's row.
CREATE FUNCTION moed.cancel(
  job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
  old moed.job_state;
BEGIN
  SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id AND moed.may_touch(j.tenant_id, role);
  IF old IN ('queued', 'scheduled') THEN
    SELECT j.state INTO old FROM moed.job j
     WHERE j.id = cancel.job_id AND j.state IN ('queued', 'scheduled') FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp() WHERE j.id = cancel.job_id;
      PERFORM moed.waste_checkpoints(ARRAY[cancel.job_id]);
      RETURN 'cancelled';
    END IF;
    -- Another transaction holds the row, or the job's state has just changed.
    SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id;
  END IF;
  IF old IN ('queued', 'scheduled', 'running') THEN
    INSERT INTO moed.cancel_request (job_id)
    SELECT cancel.job_id WHERE NOT EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = cancel.job_id);
    RETURN 'requested';
  END IF;
  RETURN coalesce(old::text, 'unknown');
END $$;
COMMENT ON FUNCTION moed.cancel(bigint, moed.acting_role) IS 'Cancels a job. Returns cancelled, requested (it is running, or its row is locked: a worker ends it within seconds of the commit), the final state it had already, or unknown. Leave caller out.';
