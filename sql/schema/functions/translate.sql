CREATE FUNCTION moed.translate(
  text text, language text,
  model text DEFAULT NULL, reasoning text DEFAULT 'non_thinking', max_tokens numeric DEFAULT NULL, tenant text DEFAULT NULL,
  priority numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL, params json DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.enqueue(
    prompt => translate.text, system => concat(
      'Translate the user''s text into ', language,
      '. Keep its meaning, tone and layout. Answer with the translation alone.'),
    max_tokens => coalesce(translate.max_tokens, moed.room_for(octet_length(translate.text) + 256, translate.reasoning)),
    model => translate.model, reasoning => translate.reasoning, tenant => translate.tenant, priority => translate.priority,
    idempotency_key => translate.idempotency_key, metadata => translate.metadata, notify => translate.notify, params => translate.params)
   WHERE translate.text IS NOT NULL
$$;
COMMENT ON FUNCTION moed.translate(text, text, text, text, numeric, text, numeric, text, json, boolean, json) IS 'Translates a text into a language. Returns the job''s id; moed.answer() reads the translation. The other arguments are those of moed.enqueue().';
