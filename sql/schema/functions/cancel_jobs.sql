CREATE FUNCTION moed.cancel_jobs(
  batch uuid DEFAULT NULL, model text DEFAULT NULL, tenant text DEFAULT NULL, state text DEFAULT NULL,
  enqueued_before timestamptz DEFAULT NULL, caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF state NOT IN ('queued', 'scheduled', 'running') THEN
    RAISE EXCEPTION 'state must be queued, scheduled or running, not "%"', state USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN moed.cancel_these(moed.matching_jobs(
    CASE WHEN state IS NULL THEN '{queued,scheduled,running}' ELSE ARRAY[state] END::moed.job_state[],
    batch, model, tenant, enqueued_before, NULL, moed.role_of(caller)));
END $$;
COMMENT ON FUNCTION moed.cancel_jobs(uuid, text, text, text, timestamptz, moed.acting_role) IS 'Cancels all jobs that have not ended and fulfil every condition given; returns how many. Running ones are stopped by their workers. Leave caller out.';
