CREATE FUNCTION moed.extraction(job_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  content text := moed.answer(job_id);
BEGIN
  RETURN content::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  BEGIN
    RETURN moed.readable_json(content)::jsonb;
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
  END;
END $$;
COMMENT ON FUNCTION moed.extraction(bigint) IS 'Answer of a succeeded job as jsonb; NULL when the job has not succeeded or its answer is no JSON. U+FFFD stands for \u0000 and lone surrogates, which jsonb cannot keep.';
