CREATE FUNCTION moed.budgeted_batch(job_id bigint) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT b.batch_id FROM moed.batch_line l JOIN moed.batch_budget b ON b.batch_id = l.batch_id
   WHERE l.job_id = budgeted_batch.job_id LIMIT 1
$$;
COMMENT ON FUNCTION moed.budgeted_batch(bigint) IS 'Batch of a job, if it has a price ceiling.';
