-- From both tokens' log-probabilities as the model has them. Where one is not among the most probable tokens, the
-- probability is that under the constraint.
CREATE FUNCTION moed.relevance(job_id bigint) RETURNS float8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  choice json := (
    SELECT r.body -> 'choices' -> 0 FROM moed.job_result r WHERE r.job_id = relevance.job_id);
  distance float8;
BEGIN
  IF moed.answer(job_id) IS NULL THEN RETURN NULL; END IF;
  distance := (
    SELECT max((t.entry ->> 'logprob')::float8) FILTER (WHERE t.entry ->> 'token' = 'no')
         - max((t.entry ->> 'logprob')::float8) FILTER (WHERE t.entry ->> 'token' = 'yes')
      FROM json_array_elements(choice -> 'logprobs' -> 'content' -> 0 -> 'top_logprobs') AS t(entry));
  IF distance IS NULL THEN RETURN (choice -> 'choice_probabilities' ->> 'yes')::float8; END IF;
  RETURN 1 / (1 + exp(greatest(-700, least(700, distance))));
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.relevance(bigint) IS 'Result of a job of moed.rerank(): the probability of yes against no, 0 to 1; NULL when the job has not succeeded.';
