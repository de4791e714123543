-- Relevance of documents by Qwen3-Reranker, and queries for Qwen3-Embedding.

-- The messages are those that Qwen3-Reranker is trained on.
CREATE FUNCTION moed.rerank(
  query text, documents text[],
  instruct text DEFAULT 'Given a web search query, retrieve relevant passages that answer the query',
  model text DEFAULT NULL, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL)
RETURNS bigint[] LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT coalesce(array_agg(
    CASE WHEN d.document IS NOT NULL THEN moed.enqueue(
      system => concat(
        'Judge whether the Document meets the requirements based on the Query and the Instruct provided. ',
        'Note that the answer can only be "yes" or "no".'),
      prompt => concat_ws(
        chr(10), '<Instruct>: ' || rerank.instruct, '<Query>: ' || rerank.query, '<Document>: ' || d.document),
      choices => ARRAY['yes', 'no'], temperature => 0, max_tokens => 8, reasoning => 'non_thinking',
      params => '{"choice_probabilities":true,"logprobs":true,"top_logprobs":20}',
      model => rerank.model, tenant => rerank.tenant, priority => rerank.priority, metadata => rerank.metadata,
      notify => rerank.notify) END ORDER BY d.number), '{}')
    FROM unnest(documents) WITH ORDINALITY AS d(document, number)
   WHERE rerank.query IS NOT NULL
$$;
COMMENT ON FUNCTION moed.rerank(text, text[], text, text, text, numeric, json, boolean) IS 'Asks for each document whether it answers the query, by a worker whose model is Qwen3-Reranker. Returns the jobs'' ids in the order of the documents; moed.relevance() reads a document''s. instruct: the task in a sentence. A document that is NULL makes no job. The other arguments are those of moed.enqueue().';

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

CREATE FUNCTION moed.search_query(
  query text, instruct text DEFAULT 'Given a web search query, retrieve relevant passages that answer the query')
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'Instruct: ' || instruct || chr(10) || 'Query:' || query
$$;
COMMENT ON FUNCTION moed.search_query(text, text) IS 'A query as moed.embed() takes it for Qwen3-Embedding: with the task before it. Documents are embedded as they are.';
