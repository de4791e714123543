-- Waking workers, cancelling, running again, waiting.

CREATE FUNCTION moed.wake_idle() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- NOTIFY takes a lock at commit that all notifying transactions share: sent only when somebody waits for it.
  IF EXISTS (SELECT 1 FROM moed.worker w WHERE w.idle AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) THEN
    PERFORM pg_notify('moed_wake', '');
  END IF;
END $$;
COMMENT ON FUNCTION moed.wake_idle() IS 'Tells idle workers that there is work: NOTIFY moed_wake with an empty payload, once per transaction, and only when a live worker is idle.';

CREATE FUNCTION moed.job_wake() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  PERFORM moed.wake_idle();
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.job_wake() IS 'Trigger form of moed.wake_idle().';
CREATE TRIGGER job_wake AFTER INSERT ON moed.job FOR EACH STATEMENT EXECUTE FUNCTION moed.job_wake();

CREATE FUNCTION moed.cancel(job_id bigint) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  old moed.job_state;
BEGIN
  SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id FOR UPDATE;
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
COMMENT ON FUNCTION moed.cancel(bigint) IS 'Cancels a job. Returns cancelled, requested (it is running: its worker will stop it), the final state it had already, or unknown.';

CREATE FUNCTION moed.redrive(job_id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- A crashed job keeps its quarantine: it may well crash again.
  UPDATE moed.job j
     SET state = 'queued', finished_at = NULL, started_at = NULL, cancel_requested_at = NULL, attempt = 0, run_at = now()
   WHERE j.id = redrive.job_id AND j.state IN ('failed', 'cancelled');
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM moed.job_result r WHERE r.job_id = redrive.job_id;
  PERFORM moed.wake_idle();
  RETURN true;
END $$;
COMMENT ON FUNCTION moed.redrive(bigint) IS 'Queues a failed or cancelled job again with fresh attempts; false when it is in another state.';

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
