CREATE FUNCTION moed.wait(job_id bigint, timeout interval DEFAULT '1 minute') RETURNS moed.job_state
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  deadline timestamptz := clock_timestamp() + timeout;
  pause double precision := 0.01;
  now_state moed.job_state;
BEGIN
  LOOP
    SELECT j.state INTO now_state FROM moed.job j WHERE j.id = wait.job_id;
    IF now_state IS NULL OR now_state IN ('succeeded', 'failed', 'cancelled') OR clock_timestamp() >= deadline THEN
      RETURN now_state;
    END IF;
    PERFORM pg_sleep(least(pause, extract(epoch FROM deadline - clock_timestamp())));
    pause := least(pause * 1.5, 0.5);
  END LOOP;
END $$;
COMMENT ON FUNCTION moed.wait(bigint, interval) IS 'Waits until a committed job has ended or the time is over; returns its state, NULL when there is no such job. Call it in a transaction of its own, isolation level read committed.';
