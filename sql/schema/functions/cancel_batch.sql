CREATE FUNCTION moed.cancel_batch(
  batch uuid, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  stopped int;
BEGIN
  UPDATE moed.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp())
   WHERE b.id = cancel_batch.batch AND moed.may_touch(b.tenant_id, moed.role_of(caller));
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no batch %', cancel_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  SELECT count(*) FILTER (WHERE c.answer IN ('cancelled', 'requested')) INTO stopped FROM (
    SELECT moed.cancel(open.id, caller) AS answer FROM (
      SELECT j.id FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id
       WHERE l.batch_id = cancel_batch.batch AND j.finished_at IS NULL ORDER BY j.id) AS open) AS c;
  RETURN stopped;
END $$;
COMMENT ON FUNCTION moed.cancel_batch(uuid, moed.acting_role) IS 'Cancels every job of a batch that has not ended; returns how many. Running ones are stopped by their workers within about a second.';
