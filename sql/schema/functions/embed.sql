CREATE FUNCTION moed.embed(
  text text, model text DEFAULT NULL, dimensions int DEFAULT NULL, tenant text DEFAULT NULL, priority numeric DEFAULT NULL,
  idempotency_key text DEFAULT NULL, metadata json DEFAULT NULL, notify boolean DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.enqueue(
    params => json_strip_nulls(json_build_object('input', embed.text, 'dimensions', embed.dimensions)),
    max_tokens => 1, model => embed.model, tenant => embed.tenant, priority => embed.priority,
    idempotency_key => embed.idempotency_key, metadata => embed.metadata, notify => embed.notify)
   WHERE embed.text IS NOT NULL
$$;
COMMENT ON FUNCTION moed.embed(text, text, int, text, numeric, text, json, boolean) IS 'Makes the embedding of a text, by a worker whose model is an embedding model (Qwen3-Embedding). dimensions: number of leading components, all unless given. A query has its instruction before it: Instruct: …, a line feed, Query: …. Returns the job''s id; moed.embedding() reads the vector. The other arguments are those of moed.enqueue(). A text that is NULL makes no job.';
