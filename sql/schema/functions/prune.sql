CREATE FUNCTION moed.prune(older_than interval, max_jobs int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  pruned int;
BEGIN
  IF older_than IS NULL OR older_than < interval '0' THEN
    RAISE EXCEPTION 'older_than must be a length of time, not %', coalesce(older_than::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM moed.prune_remains(clock_timestamp() - older_than);
  WITH ended AS MATERIALIZED (
    SELECT j.id FROM moed.job j WHERE j.finished_at < clock_timestamp() - older_than
     ORDER BY j.finished_at LIMIT max_jobs FOR UPDATE SKIP LOCKED
  )
  DELETE FROM moed.job j USING ended e WHERE j.id = e.id;
  GET DIAGNOSTICS pruned = ROW_COUNT;
  RETURN pruned;
END $$;
COMMENT ON FUNCTION moed.prune(interval, int) IS 'Deletes up to max_jobs jobs that ended longer ago, the oldest first, with request, result and history; the token account stays. Returns how many. Batches whose jobs are gone and workers that stopped go with them, at a later call. Idempotency keys of deleted jobs may be used again.';
