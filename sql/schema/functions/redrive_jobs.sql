CREATE FUNCTION moed.redrive_jobs(
  batch uuid DEFAULT NULL, model text DEFAULT NULL, tenant text DEFAULT NULL, state text DEFAULT NULL,
  enqueued_before timestamptz DEFAULT NULL, error_code text DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF state NOT IN ('failed', 'cancelled') THEN
    RAISE EXCEPTION 'state must be failed or cancelled, not "%"', state USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN moed.redrive_these(moed.matching_jobs(
    CASE WHEN state IS NULL THEN '{failed,cancelled}' ELSE ARRAY[state] END::moed.job_state[],
    batch, model, tenant, enqueued_before, error_code, moed.role_of(caller)));
END $$;
COMMENT ON FUNCTION moed.redrive_jobs(uuid, text, text, text, timestamptz, text, moed.acting_role) IS 'Queues all failed and cancelled jobs again that fulfil every condition given; returns how many. Leave caller out.';
