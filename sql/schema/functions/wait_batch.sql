CREATE FUNCTION moed.wait_batch(batch uuid, timeout interval DEFAULT '1 hour') RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  deadline timestamptz := clock_timestamp() + timeout;
  pause double precision := 0.01;
  next_line int := 0;
BEGIN
  LOOP
    -- Lines before the first unfinished one are not looked at again.
    next_line := (
      SELECT l.line FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id
       WHERE l.batch_id = wait_batch.batch AND l.line >= next_line AND j.finished_at IS NULL ORDER BY l.line LIMIT 1);
    IF next_line IS NULL OR clock_timestamp() >= deadline THEN
      RETURN (SELECT b.status FROM moed.batches b WHERE b.id = wait_batch.batch);
    END IF;
    PERFORM pg_sleep(least(pause, extract(epoch FROM deadline - clock_timestamp())));
    pause := least(pause * 1.5, 0.5);
  END LOOP;
END $$;
COMMENT ON FUNCTION moed.wait_batch(uuid, interval) IS 'Waits until all jobs of a committed batch have ended or the time is over; returns the batch''s status, NULL when there is no such batch. Call it in a transaction of its own, isolation level read committed.';
