CREATE FUNCTION moed.job_forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  DELETE FROM moed.job_request r USING old_rows o WHERE r.job_id = o.id;
  DELETE FROM moed.job_attempt a USING old_rows o WHERE a.job_id = o.id;
  DELETE FROM moed.job_result r USING old_rows o WHERE r.job_id = o.id;
  DELETE FROM moed.job_checkpoint k USING old_rows o WHERE k.job_id = o.id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.job_forget() IS 'Deletes request, history, result and checkpoints of deleted jobs.';
