-- Enqueueing. A bad value (max_tokens -3, an unknown reasoning mode, messages of a wrong shape) is stored as it is and
-- ends that one job as failed when it is read: raised here, it would abort an INSERT ... SELECT of a million rows.

-- Reading JSON members raises for \u0000 and lone surrogates anywhere in the text; these readers answer NULL then.
CREATE FUNCTION moed.json_member(body json, name text) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN body -> name;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_member(json, text) IS 'Member of a JSON object; NULL when absent or when PostgreSQL cannot decode the text (\u0000, lone surrogates).';

CREATE FUNCTION moed.json_text(body json, name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE WHEN json_typeof(body -> name) = 'string' THEN body ->> name END;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_text(json, text) IS 'String member of a JSON object; NULL when absent, no string or not decodable.';

CREATE FUNCTION moed.json_number(body json, name text) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE WHEN json_typeof(body -> name) = 'number' THEN (body ->> name)::numeric END;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_number(json, text) IS 'Number member of a JSON object; NULL when absent, no number or out of range.';

CREATE FUNCTION moed.json_texts(body json, name text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE json_typeof(body -> name)
    WHEN 'array' THEN (SELECT array_agg(e.value ORDER BY e.ordinality)
                         FROM json_array_elements_text(body -> name) WITH ORDINALITY AS e)
    WHEN 'string' THEN ARRAY[body ->> name] END;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_texts(json, text) IS 'Array member of a JSON object as texts, a single string as an array of one; NULL when absent or not decodable.';

CREATE FUNCTION moed.json_integers(body json, name text) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.json_texts(body, name)::int[];
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_integers(json, text) IS 'Array member of a JSON object as integers; NULL when absent or not made of integers.';

CREATE FUNCTION moed.last_message(body json, role text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN (SELECT m.value ->> 'content'
            FROM json_array_elements(body -> 'messages') WITH ORDINALITY AS m
           WHERE m.value ->> 'role' = last_message.role
           ORDER BY m.ordinality DESC LIMIT 1);
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.last_message(json, text) IS 'Content of the last message of a role in a request body; NULL when there is none or it is not decodable.';

CREATE FUNCTION moed.length_bucket(bytes int, new_tokens numeric) RETURNS smallint
LANGUAGE sql IMMUTABLE AS $$
  -- A third of the bytes: English takes about four bytes a token, Chinese about three a character of 0.7 to 1 token.
  -- Only the grouping depends on it; the exact count is known when a worker has tokenised the prompt.
  -- NaN sorts above every number, so it is clamped like a huge one.
  SELECT (5 + pg_catalog.width_bucket(
      bytes / 3 + greatest(1, least(new_tokens, 1048576))::int,
      ARRAY[33, 65, 129, 257, 513, 1025, 2049, 4097, 8193, 16385, 32769, 65537, 131073, 262145, 524289]))::smallint
$$;
COMMENT ON FUNCTION moed.length_bucket(int, numeric) IS 'Length class 5..20 of a request: ceil(log2(bytes / 3 + new_tokens)), for any value of either.';

CREATE FUNCTION moed.tenant_of(tenant_name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  found_id int;
BEGIN
  SELECT t.id INTO found_id FROM moed.tenant t WHERE t.name = tenant_name;
  IF found_id IS NOT NULL THEN RETURN found_id; END IF;
  IF length(tenant_name) NOT BETWEEN 1 AND 128 THEN
    RAISE EXCEPTION 'tenant must have 1 to 128 characters' USING ERRCODE = 'string_data_right_truncation';
  END IF;
  INSERT INTO moed.tenant (name) VALUES (tenant_name) ON CONFLICT (name) DO NOTHING RETURNING id INTO found_id;
  IF found_id IS NULL THEN SELECT t.id INTO found_id FROM moed.tenant t WHERE t.name = tenant_name; END IF;
  IF found_id IS NULL THEN
    RAISE EXCEPTION 'tenant was added by a concurrent transaction' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN found_id;
END $$;
COMMENT ON FUNCTION moed.tenant_of(text) IS 'Id of a tenant, adding it when it is new.';

CREATE FUNCTION moed.model_of(model_name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  -- A longer name can be no registered model: cut, it fails with model_not_found like any other unknown name.
  key text := CASE WHEN length(model_name) > 255 THEN left(model_name, 255) || '…' ELSE model_name END;
  found_id int;
BEGIN
  IF key = '' THEN key := '(empty)'; END IF;
  SELECT m.id INTO found_id FROM moed.model m WHERE m.name = key;
  IF found_id IS NOT NULL THEN RETURN found_id; END IF;
  INSERT INTO moed.model (name) VALUES (key) ON CONFLICT (name) DO NOTHING RETURNING id INTO found_id;
  IF found_id IS NULL THEN SELECT m.id INTO found_id FROM moed.model m WHERE m.name = key; END IF;
  IF found_id IS NULL THEN
    RAISE EXCEPTION 'model was added by a concurrent transaction' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN found_id;
END $$;
COMMENT ON FUNCTION moed.model_of(text) IS 'Id of a model name, adding it unregistered when it is new.';

CREATE FUNCTION moed.register_model(name text) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  INSERT INTO moed.model (name, registered_at) VALUES (register_model.name, clock_timestamp())
  ON CONFLICT (name) DO UPDATE SET registered_at = coalesce(moed.model.registered_at, excluded.registered_at)
  RETURNING id
$$;
COMMENT ON FUNCTION moed.register_model(text) IS 'Announces a model in advance: jobs that name it wait for a worker instead of failing with model_not_found. Returns its id.';

-- The body's members in order: those of params, then the named arguments, which win because the last one counts.
CREATE FUNCTION moed.request_body(
  messages text, reasoning text, max_tokens numeric, model text, temperature numeric, top_p numeric, top_k numeric,
  min_p numeric, presence_penalty numeric, frequency_penalty numeric, repetition_penalty numeric, seed numeric,
  stop text[], stop_token_ids int[], thinking_token_budget numeric, params json, extra text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  blank constant text := E' \t\n\r';
  others text;
  variables json;
  kwargs text;
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
    extra), 2) || '}';
END $$;
COMMENT ON FUNCTION moed.request_body(text, text, numeric, text, numeric, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, text[], int[], numeric, json, text) IS 'Text of an OpenAI chat-completion body from the arguments that are not NULL; messages and params are copied byte for byte.';

CREATE FUNCTION moed.insert_job(
  prompt text, reasoning text, max_tokens numeric, messages json, system text, model text,
  temperature numeric, top_p numeric, top_k numeric, min_p numeric,
  presence_penalty numeric, frequency_penalty numeric, repetition_penalty numeric, seed numeric,
  stop text[], stop_token_ids int[], thinking_token_budget numeric,
  priority numeric, run_at timestamptz, max_attempts numeric, idempotency_key text, tenant text, params json)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  system_message text := '{"role":"system","content":' || to_json(system)::text || '}';
  chat text;
  extra text;
  body text;
  new_tokens numeric := max_tokens;
  model_name text := model;
  job_mode moed.reasoning_mode := CASE WHEN reasoning IN ('non_thinking', 'none') THEN 'non_thinking' ELSE 'thinking' END;
  new_id bigint;
BEGIN
  IF messages IS NULL THEN
    IF prompt IS NOT NULL OR system IS NOT NULL THEN
      chat := '[' || concat_ws(',', system_message, '{"role":"user","content":' || to_json(prompt)::text || '}') || ']';
    END IF;
  ELSE
    chat := messages::text;
    IF system IS NOT NULL THEN
      IF json_typeof(messages) = 'array' THEN
        chat := '[' || system_message || CASE WHEN json_array_length(messages) > 0 THEN ',' ELSE '' END
          || substr(chat, strpos(chat, '[') + 1);
      ELSE
        extra := ',"system":' || to_json(system)::text;
      END IF;
    END IF;
    -- Both given is a contradiction: kept as an unknown member, for which the job will fail.
    extra := nullif(concat(extra, ',"prompt":' || to_json(prompt)::text), '');
  END IF;
  IF params IS NOT NULL THEN
    model_name := coalesce(model, moed.json_text(params, 'model'));
    new_tokens := coalesce(
      max_tokens, moed.json_number(params, 'max_completion_tokens'), moed.json_number(params, 'max_tokens'));
    IF reasoning IS NULL THEN
      job_mode := CASE coalesce(nullif(moed.json_member(moed.json_member(params, 'chat_template_kwargs'), 'enable_thinking')::text, 'null'),
                                moed.json_text(params, 'reasoning_effort'))
        WHEN 'false' THEN 'non_thinking' WHEN 'none' THEN 'non_thinking' ELSE 'thinking' END;
    END IF;
  END IF;
  body := moed.request_body(
    chat, reasoning, max_tokens, model, temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty,
    repetition_penalty, seed, stop, stop_token_ids, thinking_token_budget, params, extra);

  INSERT INTO moed.job (tenant_id, model_id, mode, bucket, priority, run_at, state, max_attempts, idempotency_key)
  VALUES (
    CASE WHEN tenant IS NULL THEN 1 ELSE moed.tenant_of(tenant) END,
    CASE WHEN model_name IS NULL THEN 1 ELSE moed.model_of(model_name) END,
    job_mode,
    moed.length_bucket(
      octet_length(coalesce(chat, body)), coalesce(new_tokens, CASE job_mode WHEN 'thinking' THEN 2048 ELSE 1024 END)),
    greatest(-32767, least(32767, coalesce(priority, 0))),
    coalesce(run_at, now()),
    CASE WHEN run_at > clock_timestamp() THEN 'scheduled'::moed.job_state ELSE 'queued' END,
    greatest(1, least(1000, coalesce(max_attempts, 5))),
    idempotency_key)
  ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
  RETURNING id INTO new_id;
  IF new_id IS NULL THEN
    SELECT j.id INTO new_id FROM moed.job j
      WHERE j.tenant_id = CASE WHEN tenant IS NULL THEN 1 ELSE moed.tenant_of(tenant) END
        AND j.idempotency_key = insert_job.idempotency_key;
    IF new_id IS NULL THEN
      RAISE EXCEPTION 'the job with this idempotency_key was added by a concurrent transaction'
        USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN new_id;
  END IF;
  INSERT INTO moed.job_request (job_id, body) VALUES (new_id, body::json);
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json)
  IS 'Common part of moed.enqueue() and INSERT INTO moed.jobs.';

CREATE FUNCTION moed.enqueue(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature double precision DEFAULT NULL, top_p double precision DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p double precision DEFAULT NULL, presence_penalty double precision DEFAULT NULL,
  frequency_penalty double precision DEFAULT NULL, repetition_penalty double precision DEFAULT NULL,
  seed numeric DEFAULT NULL, stop text[] DEFAULT NULL, stop_token_ids int[] DEFAULT NULL,
  thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, tenant text DEFAULT NULL,
  params json DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.insert_job(
    prompt, reasoning, max_tokens, messages, system, model, temperature::numeric, top_p::numeric, top_k, min_p::numeric,
    presence_penalty::numeric, frequency_penalty::numeric, repetition_penalty::numeric, seed, stop, stop_token_ids,
    thinking_token_budget, priority, run_at, max_attempts, idempotency_key, tenant, params);
END $$;
COMMENT ON FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision,
  double precision, double precision, double precision, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json)
IS 'Adds a generation job and returns its id. Give arguments by name.
prompt: the user''s message; or messages: a JSON array in OpenAI''s chat shape (type json; cast jsonb). system: system message put before either.
reasoning: thinking (default of Qwen3) or non_thinking. thinking_token_budget: most tokens of thinking.
max_tokens: most generated tokens, thinking included. model: NULL is whatever the worker serves.
temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, repetition_penalty, seed, stop, stop_token_ids: as in OpenAI''s and vLLM''s APIs.
params: any further members of the request body, as a JSON object. priority: higher starts first. run_at: not before.
max_attempts: 5 unless given. idempotency_key: the same tenant and key give the job that exists already. tenant: who it is for.
Values out of range are stored; the job then ends as failed with a message. Only a tenant or an idempotency_key of a wrong length raises.';
