CREATE FUNCTION moed.jobs_read_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'moed.jobs takes INSERT and SELECT only, not %', TG_OP USING ERRCODE = 'insufficient_privilege',
    HINT = 'moed.cancel() stops a job, moed.redrive() runs it again, moed.prune() deletes old ones.';
END $$;
COMMENT ON FUNCTION moed.jobs_read_only() IS 'Makes UPDATE and DELETE of moed.jobs name the functions to use.';
