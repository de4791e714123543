-- A cancellation that came while lines were being added has seen some of them only. No other transaction adds lines of the
-- batch now: its row of moed.batch_import is held.
CREATE FUNCTION moed.seal_batch(batch uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  DELETE FROM moed.batch_import i WHERE i.batch_id = seal_batch.batch;
  UPDATE moed.batch b SET sealed_at = clock_timestamp() WHERE b.id = seal_batch.batch AND b.sealed_at IS NULL;
  IF EXISTS (SELECT FROM moed.batch b WHERE b.id = seal_batch.batch AND b.cancelled_at IS NOT NULL) THEN
    PERFORM moed.cancel_these(ARRAY(
      SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = seal_batch.batch AND l.job_id IS NOT NULL));
  END IF;
END $$;
COMMENT ON FUNCTION moed.seal_batch(uuid) IS 'Ends the adding of lines to a batch, in a transaction of its own.';
