-- It waits for no lock longer than that: a row that somebody holds is passed over, and its cancellation is requested.
CREATE FUNCTION moed.cancel_these(jobs bigint[]) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  stopped int;
  asked int := 0;
BEGIN
  BEGIN
    UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp()
     WHERE j.id = ANY (jobs) AND j.state IN ('queued', 'scheduled');
    GET DIAGNOSTICS stopped = ROW_COUNT;
  EXCEPTION WHEN lock_not_available THEN
    WITH free AS MATERIALIZED (
      SELECT j.id FROM moed.job j WHERE j.id = ANY (jobs) AND j.state IN ('queued', 'scheduled') FOR UPDATE SKIP LOCKED
    )
    UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp() FROM free f WHERE j.id = f.id;
    GET DIAGNOSTICS stopped = ROW_COUNT;
  END;
  PERFORM moed.waste_checkpoints(ARRAY(
    SELECT DISTINCT k.job_id FROM moed.job_checkpoint k JOIN moed.job j ON j.id = k.job_id
     WHERE k.job_id = ANY (jobs) AND j.state = 'cancelled'));
  IF stopped < cardinality(jobs) THEN
    INSERT INTO moed.cancel_request (job_id)
    SELECT j.id FROM moed.job j
     WHERE j.id = ANY (jobs) AND j.finished_at IS NULL
       AND NOT EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id);
    GET DIAGNOSTICS asked = ROW_COUNT;
  END IF;
  RETURN stopped + asked;
END $$;
COMMENT ON FUNCTION moed.cancel_these(bigint[]) IS 'Cancels jobs in one statement: ends those that wait, and requests it for those that run or whose row is locked. Returns how many.';
