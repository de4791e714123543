CREATE FUNCTION moed.cancel(
  job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
  old moed.job_state;
BEGIN
  SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id AND moed.may_touch(j.tenant_id, role) FOR UPDATE;
  IF old IN ('queued', 'scheduled') THEN
    UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp() WHERE j.id = cancel.job_id;
    RETURN 'cancelled';
  ELSIF old = 'running' THEN
    UPDATE moed.job j SET cancel_requested_at = coalesce(j.cancel_requested_at, clock_timestamp())
     WHERE j.id = cancel.job_id;
    RETURN 'requested';
  END IF;
  RETURN coalesce(old::text, 'unknown');
END $$;
COMMENT ON FUNCTION moed.cancel(bigint, moed.acting_role) IS 'Cancels a job. Returns cancelled, requested (it is running: its worker will stop it), the final state it had already, or unknown.';
