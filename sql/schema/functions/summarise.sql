CREATE FUNCTION moed.summarise(
  text text, words int DEFAULT 100,
  model text DEFAULT NULL, reasoning text DEFAULT 'non_thinking', max_tokens numeric DEFAULT NULL, tenant text DEFAULT NULL,
  priority numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL, params json DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.enqueue(
    prompt => summarise.text, system => concat(
      'Summarise the user''s text in at most ', words, ' words, in the language of the text. Answer with the summary alone.'),
    max_tokens => coalesce(summarise.max_tokens, moed.room_for(words * 6::numeric + 64, summarise.reasoning)),
    model => summarise.model, reasoning => summarise.reasoning, tenant => summarise.tenant, priority => summarise.priority,
    idempotency_key => summarise.idempotency_key, metadata => summarise.metadata, notify => summarise.notify, params => summarise.params)
   WHERE summarise.text IS NOT NULL
$$;
COMMENT ON FUNCTION moed.summarise(text, int, text, text, numeric, text, numeric, text, json, boolean, json) IS 'Summarises a text in a number of words. Returns the job''s id; moed.answer() reads the summary. The other arguments are those of moed.enqueue().';
