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
