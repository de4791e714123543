CREATE FUNCTION moed.search_query(
  query text, instruct text DEFAULT 'Given a web search query, retrieve relevant passages that answer the query')
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'Instruct: ' || instruct || chr(10) || 'Query:' || query
$$;
COMMENT ON FUNCTION moed.search_query(text, text) IS 'A query as moed.embed() takes it for Qwen3-Embedding: with the task before it. Documents are embedded as they are.';
