CREATE FUNCTION moed.extract(
  text text, schema json, instructions text DEFAULT NULL,
  model text DEFAULT NULL, reasoning text DEFAULT 'non_thinking', max_tokens numeric DEFAULT NULL, tenant text DEFAULT NULL,
  priority numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL, params json DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.enqueue(
    prompt => extract.text, system => concat(
      'Extract data from the user''s text as JSON that satisfies this JSON Schema:', chr(10), extract.schema,
      chr(10) || chr(10) || instructions),
    schema => extract.schema,
    max_tokens => coalesce(extract.max_tokens, moed.room_for(4096, extract.reasoning)),
    model => extract.model, reasoning => extract.reasoning, tenant => extract.tenant, priority => extract.priority,
    idempotency_key => extract.idempotency_key, metadata => extract.metadata, notify => extract.notify, params => extract.params)
   WHERE extract.text IS NOT NULL
$$;
COMMENT ON FUNCTION moed.extract(text, json, text, text, text, numeric, text, numeric, text, json, boolean, json) IS 'Extracts data from a text as JSON that satisfies a schema. instructions are added to the system message. Returns the job''s id; moed.extraction() reads the data as jsonb. The other arguments are those of moed.enqueue().';
