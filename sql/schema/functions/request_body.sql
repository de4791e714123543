-- Members in order: first those of params, then the named arguments. When a member is repeated, the last one counts.
CREATE FUNCTION moed.request_body(
  messages text, reasoning text, max_tokens numeric, model text, temperature numeric, top_p numeric, top_k numeric,
  min_p numeric, presence_penalty numeric, frequency_penalty numeric, repetition_penalty numeric, seed numeric,
  stop text[], stop_token_ids numeric[], thinking_token_budget numeric, params json, extra text, schema json, choices text[],
  regex text, metadata json) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  blank constant text := E' \t\n\r';
  others text;
  variables json;
  kwargs text;
  forms text := nullif(concat_ws(
    ',', '"json":' || schema::text, '"choice":' || to_json(choices)::text, '"regex":' || to_json(regex)::text), '');
BEGIN
  IF params IS NOT NULL THEN
    IF json_typeof(params) = 'object' THEN
      others := btrim(params::text, blank);
      others := nullif(btrim(substr(others, 2, length(others) - 2), blank), '');
      variables := moed.json_member(params, 'chat_template_kwargs');
    ELSE
      others := '"params":' || params::text;
    END IF;
  END IF;
  IF reasoning IN ('thinking', 'non_thinking') THEN
    kwargs := '"enable_thinking":' || CASE reasoning WHEN 'thinking' THEN 'true' ELSE 'false' END || '}';
    IF variables IS NOT NULL AND json_typeof(variables) = 'object' THEN
      kwargs := concat(
        '{', nullif(btrim(substr(btrim(variables::text, blank), 2, length(btrim(variables::text, blank)) - 2), blank), '') || ',',
        kwargs);
    ELSE
      kwargs := '{' || kwargs;
    END IF;
  END IF;
  RETURN '{' || substr(concat(
    ',' || others,
    ',"model":' || to_json(model)::text,
    ',"messages":' || messages,
    ',"max_tokens":' || to_json(max_tokens)::text,
    ',"temperature":' || to_json(temperature)::text,
    ',"top_p":' || to_json(top_p)::text,
    ',"top_k":' || to_json(top_k)::text,
    ',"min_p":' || to_json(min_p)::text,
    ',"presence_penalty":' || to_json(presence_penalty)::text,
    ',"frequency_penalty":' || to_json(frequency_penalty)::text,
    ',"repetition_penalty":' || to_json(repetition_penalty)::text,
    ',"seed":' || to_json(seed)::text,
    ',"stop":' || to_json(stop)::text,
    ',"stop_token_ids":' || to_json(stop_token_ids)::text,
    ',"thinking_token_budget":' || to_json(thinking_token_budget)::text,
    ',"chat_template_kwargs":' || kwargs,
    CASE WHEN kwargs IS NULL THEN
      CASE WHEN reasoning IN ('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max') THEN ',"reasoning_effort":'
           ELSE ',"reasoning":' END || to_json(reasoning)::text END,
    ',"structured_outputs":{' || forms || '}',
    ',"metadata":' || metadata::text,
    extra), 2) || '}';
END $$;
COMMENT ON FUNCTION moed.request_body(text, text, numeric, text, numeric, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, text[], numeric[], numeric, json, text, json, text[], text, json) IS 'Text of an OpenAI chat-completion body from the arguments that are not NULL; messages, params, schema and metadata are copied byte for byte.';
