CREATE FUNCTION moed.cancel_batch(
  batch uuid, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
BEGIN
  -- A locked row is being cancelled by the session that holds it.
  UPDATE moed.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp())
   WHERE b.id = (SELECT c.id FROM moed.batch c WHERE c.id = cancel_batch.batch AND moed.may_touch(c.tenant_id, role)
                    FOR NO KEY UPDATE SKIP LOCKED);
  IF NOT FOUND AND NOT EXISTS (
    SELECT FROM moed.batch b WHERE b.id = cancel_batch.batch AND moed.may_touch(b.tenant_id, role)) THEN
    RAISE EXCEPTION 'there is no batch %', cancel_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  RETURN moed.cancel_these(ARRAY(
    SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = cancel_batch.batch AND l.job_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION moed.cancel_batch(uuid, moed.acting_role) IS 'Cancels every job of a batch that has not ended; returns how many. Running ones are stopped by their workers within about a second. Leave caller out.';
