CREATE FUNCTION moed.classification(job_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  content text := moed.answer(job_id);
  has_choices boolean := (
    SELECT moed.json_texts(moed.json_member(q.body, 'structured_outputs'), 'choice') IS NOT NULL
      FROM moed.job_request q WHERE q.job_id = classification.job_id);
  probabilities json := (
    SELECT r.body -> 'choices' -> 0 -> 'choice_probabilities' FROM moed.job_result r WHERE r.job_id = classification.job_id);
BEGIN
  IF content IS NULL THEN RETURN NULL; END IF;
  IF has_choices THEN 
    RETURN jsonb_strip_nulls(jsonb_build_object('label', content, 'labels', ARRAY[content], 'probabilities', probabilities));
  END IF;
  RETURN jsonb_build_object('labels', ARRAY(
    SELECT m.key FROM json_each_text(content::json) WITH ORDINALITY AS m(key, value, number)
     WHERE m.value = 'true' ORDER BY m.number));
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.classification(bigint) IS 'Result of moed.classify(): {"label": …, "labels": […], "probabilities": {…}}, only labels for multi; NULL when the job has not succeeded.';
