CREATE FUNCTION moed.embedding(job_id bigint) RETURNS real[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN translate(moed.answer(job_id), '[]', '{}')::real[];
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.embedding(bigint) IS 'Result of moed.embed(), a vector of length 1; NULL when the job has not succeeded.';
