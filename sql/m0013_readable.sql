-- Calls with named arguments. Bodies and behaviour stay the same: moed.insert_job() has defaults, and its callers and
-- the call of moed.request_body() name each argument. A worker that holds jobs is busy, whether it has room or not.

CREATE OR REPLACE FUNCTION moed.insert_job(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature numeric DEFAULT NULL, top_p numeric DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p numeric DEFAULT NULL, presence_penalty numeric DEFAULT NULL, frequency_penalty numeric DEFAULT NULL,
  repetition_penalty numeric DEFAULT NULL, seed numeric DEFAULT NULL, stop text[] DEFAULT NULL,
  stop_token_ids int[] DEFAULT NULL, thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL,
  run_at timestamptz DEFAULT NULL, max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL,
  tenant text DEFAULT NULL, params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
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
  owner_id int := moed.tenant_for(tenant);
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
    messages => chat, reasoning => reasoning, max_tokens => max_tokens, model => model, temperature => temperature,
    top_p => top_p, top_k => top_k, min_p => min_p, presence_penalty => presence_penalty,
    frequency_penalty => frequency_penalty, repetition_penalty => repetition_penalty, seed => seed, stop => stop,
    stop_token_ids => stop_token_ids, thinking_token_budget => thinking_token_budget, params => params,
    extra => extra);

  INSERT INTO moed.job (tenant_id, model_id, mode, bucket, priority, run_at, state, max_attempts, idempotency_key, expires_at)
  VALUES (
    owner_id,
    CASE WHEN model_name IS NULL THEN 1 ELSE moed.model_of(model_name) END,
    job_mode,
    moed.length_bucket(
      octet_length(coalesce(chat, body)), coalesce(new_tokens, CASE job_mode WHEN 'thinking' THEN 2048 ELSE 1024 END)),
    greatest(-32767, least(32767, coalesce(priority, 0))),
    coalesce(run_at, now()),
    CASE WHEN run_at > clock_timestamp() THEN 'scheduled'::moed.job_state ELSE 'queued' END,
    greatest(1, least(1000, coalesce(max_attempts, 5))),
    idempotency_key, insert_job.expires_at)
  ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
  RETURNING id INTO new_id;
  IF new_id IS NULL THEN
    SELECT j.id INTO new_id FROM moed.job j
      WHERE j.tenant_id = owner_id AND j.idempotency_key = insert_job.idempotency_key;
    IF new_id IS NULL THEN
      RAISE EXCEPTION 'the job with this idempotency_key was added by a concurrent transaction'
        USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN new_id;
  END IF;
  INSERT INTO moed.job_request (job_id, body) VALUES (new_id, body::json);
  RETURN new_id;
END $$;

CREATE OR REPLACE FUNCTION moed.enqueue(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature double precision DEFAULT NULL, top_p double precision DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p double precision DEFAULT NULL, presence_penalty double precision DEFAULT NULL,
  frequency_penalty double precision DEFAULT NULL, repetition_penalty double precision DEFAULT NULL,
  seed numeric DEFAULT NULL, stop text[] DEFAULT NULL, stop_token_ids int[] DEFAULT NULL,
  thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, tenant text DEFAULT NULL,
  params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.insert_job(
    prompt => prompt, reasoning => reasoning, max_tokens => max_tokens, messages => messages, system => system,
    model => model, temperature => temperature::numeric, top_p => top_p::numeric, top_k => top_k,
    min_p => min_p::numeric, presence_penalty => presence_penalty::numeric,
    frequency_penalty => frequency_penalty::numeric, repetition_penalty => repetition_penalty::numeric, seed => seed,
    stop => stop, stop_token_ids => stop_token_ids, thinking_token_budget => thinking_token_budget,
    priority => priority, run_at => run_at, max_attempts => max_attempts, idempotency_key => idempotency_key,
    tenant => tenant, params => params, expires_at => expires_at);
END $$;

CREATE OR REPLACE FUNCTION moed.jobs_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF coalesce(NEW.id::text, NEW.state::text, NEW.content, NEW.request::text, NEW.finished_at::text) IS NOT NULL THEN
    RAISE EXCEPTION 'id, state, content, request and finished_at of moed.jobs are not for inserting'
      USING ERRCODE = 'generated_always';
  END IF;
  NEW.id := moed.insert_job(
    prompt => NEW.prompt, reasoning => coalesce(NEW.reasoning, NEW.mode::text), max_tokens => NEW.max_tokens,
    messages => NEW.messages, system => NEW.system, model => NEW.model, temperature => NEW.temperature,
    top_p => NEW.top_p, top_k => NEW.top_k, min_p => NEW.min_p, presence_penalty => NEW.presence_penalty,
    frequency_penalty => NEW.frequency_penalty, repetition_penalty => NEW.repetition_penalty, seed => NEW.seed,
    stop => NEW.stop, stop_token_ids => NEW.stop_token_ids, thinking_token_budget => NEW.thinking_token_budget,
    priority => NEW.priority, run_at => NEW.run_at, max_attempts => NEW.max_attempts,
    idempotency_key => NEW.idempotency_key, tenant => NEW.tenant, params => NEW.params,
    expires_at => NEW.expires_at);
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_batch uuid;
  entry record;
  line_text text;
  request json;
  body json;
  fault text[];
  key text;
  job bigint;
  imported int := 0;
  deadline timestamptz := now() + completion_window;
BEGIN
  INSERT INTO moed.batch (name, tenant_id)
  VALUES (import_batch.name, moed.tenant_for(tenant))
  RETURNING id INTO new_batch;
  FOR entry IN SELECT s.value, s.number::int AS number FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
  LOOP
    line_text := btrim(entry.value, E' \t\r');
    IF entry.number = 1 THEN line_text := ltrim(line_text, U&'\FEFF'); END IF;
    CONTINUE WHEN line_text = '';
    imported := imported + 1;
    request := NULL; body := NULL; fault := NULL; key := NULL; job := NULL;
    BEGIN
      request := line_text::json;
    EXCEPTION WHEN data_exception THEN
      fault := ARRAY['invalid_json', 'the line is not JSON: ' || SQLERRM, NULL];
    END;
    BEGIN
      PERFORM request -> 'custom_id';
    EXCEPTION WHEN data_exception THEN
      -- PostgreSQL reads no member of an object with \u0000 or a lone surrogate in it: a copy of equal length has none.
      request := regexp_replace(line_text,
        '\\u0000|\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}',
        '\\ufffd', 'gi')::json;
    END;
    key := moed.json_text(request, 'custom_id');
    body := moed.json_member(request, 'body');
    IF fault IS NOT NULL THEN
      NULL;
    ELSIF json_typeof(request) <> 'object' THEN
      fault := ARRAY['invalid_value', 'the line must be a JSON object, not ' || json_typeof(request), NULL];
    ELSIF key IS NULL THEN
      fault := ARRAY['missing_required_parameter', 'custom_id must be a text of 1 to 512 characters', 'custom_id'];
    ELSIF length(key) NOT BETWEEN 1 AND 512 THEN
      fault := ARRAY['invalid_value', 'custom_id must have 1 to 512 characters, not ' || length(key), 'custom_id'];
      key := NULL;
    ELSIF EXISTS (SELECT FROM moed.batch_line b WHERE b.batch_id = new_batch AND b.custom_id = key AND b.job_id IS NOT NULL) THEN
      fault := ARRAY['duplicate_custom_id', 'an earlier line has this custom_id', 'custom_id'];
    ELSIF moed.json_member(request, 'method') IS NOT NULL AND moed.json_text(request, 'method') IS DISTINCT FROM 'POST' THEN
      fault := ARRAY['invalid_value', 'method must be POST', 'method'];
    ELSIF moed.json_member(request, 'url') IS NOT NULL
          AND moed.json_text(request, 'url') IS DISTINCT FROM '/v1/chat/completions' THEN
      fault := ARRAY['invalid_value', 'url must be /v1/chat/completions', 'url'];
    ELSIF json_typeof(body) IS DISTINCT FROM 'object' THEN
      fault := ARRAY['missing_required_parameter', 'body must be a JSON object', 'body'];
    ELSIF request::text <> line_text THEN
      -- The body stands in the line where it stands in the copy: that must be one place.
      IF length(request::text) - length(replace(request::text, body::text, '')) > length(body::text) THEN
        fault := ARRAY['invalid_value', 'another member is like body, and the line has \u0000 or a lone surrogate', 'body'];
      END IF;
      body := substr(line_text, strpos(request::text, body::text), length(body::text));
    END IF;
    IF fault IS NULL THEN
      job := moed.insert_job(
        params => body, tenant => tenant, priority => priority, run_at => run_at, expires_at => deadline);
    END IF;
    INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
    VALUES (new_batch, entry.number, key, job, fault[1], left(fault[2], 1000), fault[3]);
  END LOOP;
  IF imported = 0 THEN
    RAISE EXCEPTION 'the batch has no lines' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give one JSON object per line: {"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.';
  END IF;
  RETURN new_batch;
END $$;

CREATE OR REPLACE VIEW moed.workers WITH (security_invoker = true) AS
SELECT w.id, w.host, w.pid, w.version,
  ARRAY(SELECT m.name FROM moed.model m WHERE m.id = ANY (w.models) ORDER BY m.id) AS models,
  CASE WHEN w.stopped_at IS NOT NULL THEN 'stopped'
       WHEN w.expires_at <= clock_timestamp() THEN 'missing'
       WHEN EXISTS (SELECT FROM moed.job j WHERE j.state = 'running' AND j.leased_by = w.id) THEN 'busy'
       ELSE 'idle' END AS state,
  (SELECT count(*) FROM moed.job j WHERE j.state = 'running' AND j.leased_by = w.id) AS jobs,
  w.tokens_per_second, w.status, w.started_at, w.seen_at, w.expires_at, w.stopped_at
FROM moed.worker w;
COMMENT ON COLUMN moed.workers.state IS 'idle, busy (it holds jobs), missing (lease expired) or stopped.';
