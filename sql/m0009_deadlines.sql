-- Deadlines: a job that has not ended by expires_at ends as failed with the code expired. And whose a new job is.

ALTER TABLE moed.job ADD COLUMN expires_at timestamptz;
COMMENT ON COLUMN moed.job.expires_at IS 'Deadline: not ended by then, it ends as failed with the code expired. NULL is none.';
CREATE INDEX job_expire_idx ON moed.job (expires_at) WHERE expires_at IS NOT NULL AND finished_at IS NULL;

CREATE FUNCTION moed.expired_message(expires_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'not done by its deadline, ' || to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
$$;
COMMENT ON FUNCTION moed.expired_message(timestamptz) IS 'What a job that missed its deadline says.';

DROP FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision,
  double precision, double precision, double precision, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json);
DROP FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json);
DROP FUNCTION moed.import_batch(text, text, text, numeric, timestamptz);

CREATE FUNCTION moed.insert_job(
  prompt text, reasoning text, max_tokens numeric, messages json, system text, model text,
  temperature numeric, top_p numeric, top_k numeric, min_p numeric,
  presence_penalty numeric, frequency_penalty numeric, repetition_penalty numeric, seed numeric,
  stop text[], stop_token_ids int[], thinking_token_budget numeric,
  priority numeric, run_at timestamptz, max_attempts numeric, idempotency_key text, tenant text, params json,
  expires_at timestamptz)
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
    chat, reasoning, max_tokens, model, temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty,
    repetition_penalty, seed, stop, stop_token_ids, thinking_token_budget, params, extra);

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
COMMENT ON FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz)
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
  params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.insert_job(
    prompt, reasoning, max_tokens, messages, system, model, temperature::numeric, top_p::numeric, top_k, min_p::numeric,
    presence_penalty::numeric, frequency_penalty::numeric, repetition_penalty::numeric, seed, stop, stop_token_ids,
    thinking_token_budget, priority, run_at, max_attempts, idempotency_key, tenant, params, expires_at);
END $$;
COMMENT ON FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision,
  double precision, double precision, double precision, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz)
IS 'Adds a generation job and returns its id. Give arguments by name.
prompt: the user''s message; or messages: a JSON array in OpenAI''s chat shape (type json; cast jsonb). system: system message put before either.
reasoning: thinking (default of Qwen3) or non_thinking. thinking_token_budget: most tokens of thinking.
max_tokens: most generated tokens, thinking included. model: NULL is whatever the worker serves.
temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, repetition_penalty, seed, stop, stop_token_ids: as in OpenAI''s and vLLM''s APIs.
params: any further members of the request body, as a JSON object. priority: higher starts first. run_at: not before.
max_attempts: 5 unless given. idempotency_key: the same tenant and key give the job that exists already. tenant: who it is for.
expires_at: a job that has not ended by then ends as failed with the code expired.
Values out of range are stored; the job then ends as failed with a message. Only a tenant or an idempotency_key of a wrong length raises.';

-- A tenant does not see model names that nobody serves: others may have made them up.
CREATE OR REPLACE VIEW moed.jobs WITH (security_invoker = true) AS
SELECT
  j.id, j.state,
  moed.last_message(q.body, 'user') AS prompt,
  r.content, r.reasoning, j.mode, r.finish_reason,
  r.error_code || coalesce(' (' || r.error_param || ')', '') || ': ' || r.error_message AS error,
  r.error_code,
  nullif(array_to_string(r.warnings, '; '), '') AS warning,
  l.prompt_tokens, l.cached_tokens, l.thinking_tokens, l.injected_tokens, l.answer_tokens,
  l.completion_tokens, l.total_tokens,
  j.created_at, j.run_at, j.started_at, j.finished_at,
  CASE WHEN j.state <> 'scheduled' THEN
    moed.milliseconds(greatest(j.created_at, j.run_at), coalesce(j.started_at, j.finished_at, clock_timestamp())) END AS queued_ms,
  CASE WHEN j.started_at IS NOT NULL AND j.state <> 'queued' THEN
    moed.milliseconds(j.started_at, coalesce(j.finished_at, clock_timestamp())) END AS run_ms,
  j.attempt, j.max_attempts, j.priority,
  t.name AS tenant, coalesce(m.name, moed.json_text(q.body, 'model')) AS model,
  (SELECT w.host || '/' || w.pid FROM moed.job_attempt a JOIN moed.worker w ON w.id = a.worker_id
    WHERE a.job_id = j.id AND a.lease_token = j.lease_token) AS worker,
  j.idempotency_key,
  coalesce(r.seed::numeric, moed.json_number(q.body, 'seed')) AS seed,
  moed.json_number(q.body, 'max_tokens') AS max_tokens,
  moed.json_number(q.body, 'thinking_token_budget') AS thinking_token_budget,
  moed.json_number(q.body, 'temperature') AS temperature,
  moed.json_number(q.body, 'top_p') AS top_p,
  moed.json_number(q.body, 'top_k') AS top_k,
  moed.json_number(q.body, 'min_p') AS min_p,
  moed.json_number(q.body, 'presence_penalty') AS presence_penalty,
  moed.json_number(q.body, 'frequency_penalty') AS frequency_penalty,
  moed.json_number(q.body, 'repetition_penalty') AS repetition_penalty,
  moed.json_texts(q.body, 'stop') AS stop,
  moed.json_integers(q.body, 'stop_token_ids') AS stop_token_ids,
  moed.last_message(q.body, 'system') AS system,
  moed.json_member(q.body, 'messages') AS messages,
  NULL::json AS params,
  q.body AS request,
  r.body AS response,
  j.expires_at
FROM moed.job j
JOIN moed.tenant t ON t.id = j.tenant_id
LEFT JOIN moed.model m ON m.id = j.model_id
LEFT JOIN moed.job_request q ON q.job_id = j.id
LEFT JOIN moed.job_result r ON r.job_id = j.id
LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final';
COMMENT ON COLUMN moed.jobs.expires_at IS 'Deadline: not ended by then, it ends as failed with the code expired.';

CREATE OR REPLACE FUNCTION moed.jobs_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF coalesce(NEW.id::text, NEW.state::text, NEW.content, NEW.request::text, NEW.finished_at::text) IS NOT NULL THEN
    RAISE EXCEPTION 'id, state, content, request and finished_at of moed.jobs are not for inserting'
      USING ERRCODE = 'generated_always';
  END IF;
  NEW.id := moed.insert_job(
    NEW.prompt, coalesce(NEW.reasoning, NEW.mode::text), NEW.max_tokens, NEW.messages, NEW.system, NEW.model,
    NEW.temperature, NEW.top_p, NEW.top_k, NEW.min_p, NEW.presence_penalty, NEW.frequency_penalty,
    NEW.repetition_penalty, NEW.seed, NEW.stop, NEW.stop_token_ids, NEW.thinking_token_budget,
    NEW.priority, NEW.run_at, NEW.max_attempts, NEW.idempotency_key, NEW.tenant, NEW.params,
    NEW.expires_at);
  RETURN NEW;
END $$;

CREATE FUNCTION moed.import_batch(
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
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        priority, run_at, NULL, NULL, tenant, body, deadline);
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
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line that is at fault becomes an error of the batch; the others run. What has not ended within completion_window ends as expired.';

CREATE OR REPLACE FUNCTION moed.export_batch(batch uuid) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT json_build_object(
    'id', 'batch_req_' || coalesce(l.job_id::text, l.batch_id || '_' || l.line),
    'custom_id', l.custom_id,
    'response', CASE
      WHEN j.state = 'succeeded' THEN json_build_object('status_code', 200, 'request_id', 'req_' || l.job_id, 'body', r.body)
      WHEN j.state = 'failed' AND r.error_code <> 'expired' THEN json_build_object(
        'status_code', CASE WHEN e.is_ours THEN 500 ELSE 400 END,
        'request_id', 'req_' || l.job_id,
        'body', json_build_object('error', json_build_object(
          'message', r.error_message,
          'type', CASE WHEN e.is_ours THEN 'server_error' ELSE 'invalid_request_error' END,
          'param', r.error_param, 'code', r.error_code))) END,
    'error', CASE
      WHEN l.job_id IS NULL THEN json_build_object(
        'code', l.error_code, 'message', l.error_message, 'param', l.error_param, 'line', l.line)
      WHEN j.id IS NULL THEN json_build_object('code', 'pruned', 'message', 'the job was deleted after its retention')
      WHEN r.error_code = 'expired' THEN json_build_object('code', 'batch_expired', 'message', r.error_message)
      WHEN j.state = 'cancelled' THEN json_build_object('code', 'batch_cancelled', 'message', 'the job was cancelled') END
  )::text
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id
  CROSS JOIN LATERAL (SELECT r.error_code IN ('engine_error', 'worker_lost', 'result_refused') AS is_ours) e
  WHERE l.batch_id = batch AND (j.id IS NULL OR j.finished_at IS NOT NULL)
  ORDER BY l.line
$$;
