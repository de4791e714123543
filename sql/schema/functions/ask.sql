CREATE FUNCTION moed.ask(
  question text,
  model text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL, tenant text DEFAULT NULL,
  priority numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL, params json DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.enqueue(
    prompt => ask.question, max_tokens => ask.max_tokens,
    model => ask.model, reasoning => ask.reasoning, tenant => ask.tenant, priority => ask.priority,
    idempotency_key => ask.idempotency_key, metadata => ask.metadata, notify => ask.notify, params => ask.params)
   WHERE ask.question IS NOT NULL
$$;
COMMENT ON FUNCTION moed.ask(text, text, text, numeric, text, numeric, text, json, boolean, json) IS 'Asks a question: a job without further settings. Returns its id; moed.answer() reads the answer. The other arguments are those of moed.enqueue().';
