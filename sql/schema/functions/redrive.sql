CREATE FUNCTION moed.redrive(
  job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.redrive_these(ARRAY(
    SELECT j.id FROM moed.job j WHERE j.id = redrive.job_id AND moed.may_touch(j.tenant_id, moed.role_of(caller)))) > 0
$$;
COMMENT ON FUNCTION moed.redrive(bigint, moed.acting_role) IS 'Queues a failed or cancelled job again with fresh attempts; false when it is in another state. Leave caller out.';
