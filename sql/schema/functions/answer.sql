CREATE FUNCTION moed.answer(job_id bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT r.content FROM moed.job_result r JOIN moed.job j ON j.id = r.job_id
   WHERE r.job_id = answer.job_id AND j.state = 'succeeded'
$$;
COMMENT ON FUNCTION moed.answer(bigint) IS 'Answer of a succeeded job; NULL for any other, see moed.why().';
