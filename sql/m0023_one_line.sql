-- Requests from SQL in one line each: schemas, choices and regular expressions as arguments, thin functions, metadata, and
-- notifications of the end. Programs before this one work on.

DROP FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision, double precision,
  double precision, double precision, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz,
  moed.acting_role);
DROP FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric, numeric, numeric, text[],
  numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz, moed.acting_role);
DROP FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, moed.acting_role);
DROP FUNCTION moed.request_body(text, text, numeric, text, numeric, numeric, numeric, numeric, numeric, numeric, numeric, numeric, text[], numeric[],
  numeric, json, text);

ALTER TABLE moed.job ADD COLUMN notifies boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN moed.job.notifies IS 'True: NOTIFY moed_done with the id when it ends.';
COMMENT ON COLUMN moed.job_result.finish_reason IS 'stop, tool_calls or length; NULL for a failure.';
ALTER TABLE moed.batch
  ADD COLUMN notifies boolean NOT NULL DEFAULT false,
  ADD COLUMN ended_line int NOT NULL DEFAULT 0,
  ADD COLUMN announced_at timestamptz;
COMMENT ON COLUMN moed.batch.notifies IS 'True: NOTIFY moed_done with the id when all its jobs have ended.';
COMMENT ON COLUMN moed.batch.ended_line IS 'The jobs of all lines up to this one have ended; workers move it on while notifies waits for the end.';
COMMENT ON COLUMN moed.batch.announced_at IS 'When the end was notified.';

CREATE INDEX batch_announce_idx ON moed.batch (id) WHERE notifies AND announced_at IS NULL;

CREATE FUNCTION moed.job_done() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- Nobody's listener that does not read may make an UPDATE of all workers fail: the queue of notifications is finite.
  IF pg_notification_queue_usage() < 0.5 THEN PERFORM pg_notify('moed_done', NEW.id::text); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.job_done() IS 'Notifies the end of a job on the channel moed_done: its id is the payload. Nothing is sent while half of PostgreSQL''s queue of notifications is full.';

-- Only a statement that sets finished_at asks; nothing is called for a job without notifies.
CREATE TRIGGER job_done AFTER UPDATE OF finished_at ON moed.job FOR EACH ROW
  WHEN (NEW.notifies AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION moed.job_done();

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

-- A bad value (max_tokens -3, messages of a wrong shape) is stored as it is; that one job ends as failed when a worker
-- reads it. An error here would abort an INSERT ... SELECT of a million rows.
CREATE FUNCTION moed.insert_job(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature numeric DEFAULT NULL, top_p numeric DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p numeric DEFAULT NULL, presence_penalty numeric DEFAULT NULL, frequency_penalty numeric DEFAULT NULL,
  repetition_penalty numeric DEFAULT NULL, seed numeric DEFAULT NULL, stop text[] DEFAULT NULL,
  stop_token_ids numeric[] DEFAULT NULL, thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL,
  run_at timestamptz DEFAULT NULL, max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL,
  tenant text DEFAULT NULL, params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
  schema json DEFAULT NULL, choices text[] DEFAULT NULL, regex text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  system_message text := '{"role":"system","content":' || to_json(system)::text || '}';
  chat text;
  extra text;
  body text;
  new_tokens numeric := max_tokens;
  asked_model text := model;
  known_model int := 1;
  job_mode moed.reasoning_mode := CASE WHEN reasoning IN ('non_thinking', 'none') THEN 'non_thinking' ELSE 'thinking' END;
  owner_id int := moed.tenant_for(tenant, moed.role_of(caller));
  remarks text[] := moed.clamp_remarks(priority, max_attempts);
  new_id bigint;
BEGIN
  IF length(idempotency_key) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'idempotency_key must have 1 to 512 characters, not %', length(idempotency_key)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF messages IS NULL THEN
    IF prompt IS NOT NULL OR system IS NOT NULL THEN
      chat := '[' || concat_ws(',', system_message, '{"role":"user","content":' || to_json(prompt)::text || '}') || ']';
    END IF;
  ELSE
    chat := messages::text;
    IF system IS NOT NULL THEN
      IF json_typeof(messages) = 'array' THEN
        chat := substr(chat, strpos(chat, '[') + 1);
        chat := '[' || system_message || CASE WHEN btrim(chat, E' \t\n\r') <> ']' THEN ',' ELSE '' END || chat;
      ELSE
        extra := ',"system":' || to_json(system)::text;
      END IF;
    END IF;
    -- Both given is a contradiction: kept as an unknown member, for which the job will fail.
    extra := nullif(concat(extra, ',"prompt":' || to_json(prompt)::text), '');
  END IF;
  IF params IS NOT NULL THEN
    asked_model := coalesce(model, moed.json_text(params, 'model'));
    new_tokens := coalesce(
      max_tokens, moed.json_number(params, 'max_completion_tokens'), moed.json_number(params, 'max_tokens'));
    IF reasoning IS NULL THEN job_mode := coalesce(moed.mode_of_body(params), 'thinking'); END IF;
  END IF;
  body := moed.request_body(
    messages => chat, reasoning => reasoning, max_tokens => max_tokens, model => model, temperature => temperature,
    top_p => top_p, top_k => top_k, min_p => min_p, presence_penalty => presence_penalty,
    frequency_penalty => frequency_penalty, repetition_penalty => repetition_penalty, seed => seed, stop => stop,
    stop_token_ids => stop_token_ids, thinking_token_budget => thinking_token_budget, params => params,
    extra => extra, schema => schema, choices => choices, regex => regex, metadata => metadata);

  IF asked_model IS NOT NULL THEN
    asked_model := moed.model_key(asked_model);
    known_model := moed.model_of(asked_model);
  END IF;
  INSERT INTO moed.job (tenant_id, model_id, model_name, mode, bucket, priority, run_at, state, max_attempts, idempotency_key,
                        expires_at, notifies)
  VALUES (
    owner_id,
    known_model,
    CASE known_model WHEN 0 THEN asked_model END,
    job_mode,
    moed.length_bucket(
      octet_length(coalesce(chat, body)), coalesce(new_tokens, CASE job_mode WHEN 'thinking' THEN 2048 ELSE 1024 END)),
    greatest(-32767, least(32767, coalesce(priority, 0))),
    coalesce(run_at, now()),
    CASE WHEN run_at > clock_timestamp() THEN 'scheduled'::moed.job_state ELSE 'queued' END,
    greatest(1, least(1000, coalesce(max_attempts, 5))),
    idempotency_key, insert_job.expires_at, coalesce(notify, false))
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
  INSERT INTO moed.job_request (job_id, body, warnings, body_bytes)
  VALUES (new_id, moed.stored_body(body), nullif(remarks, '{}'), octet_length(body));
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz,
  json, text[], text, json, boolean, moed.acting_role)
  IS 'Common part of moed.enqueue(), moed.import_batch() and INSERT INTO moed.jobs.';

CREATE FUNCTION moed.enqueue(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature double precision DEFAULT NULL, top_p double precision DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p double precision DEFAULT NULL, presence_penalty double precision DEFAULT NULL,
  frequency_penalty double precision DEFAULT NULL, repetition_penalty double precision DEFAULT NULL,
  seed numeric DEFAULT NULL, stop text[] DEFAULT NULL, stop_token_ids numeric[] DEFAULT NULL,
  thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, tenant text DEFAULT NULL,
  params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL, schema json DEFAULT NULL,
  choices text[] DEFAULT NULL, regex text DEFAULT NULL, metadata json DEFAULT NULL, notify boolean DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.insert_job(
    prompt => prompt, reasoning => reasoning, max_tokens => max_tokens, messages => messages, system => system,
    model => model, temperature => temperature::numeric, top_p => top_p::numeric, top_k => top_k,
    min_p => min_p::numeric, presence_penalty => presence_penalty::numeric,
    frequency_penalty => frequency_penalty::numeric, repetition_penalty => repetition_penalty::numeric, seed => seed,
    stop => stop, stop_token_ids => stop_token_ids, thinking_token_budget => thinking_token_budget,
    priority => priority, run_at => run_at, max_attempts => max_attempts, idempotency_key => idempotency_key,
    tenant => tenant, params => params, expires_at => expires_at, schema => schema,
    choices => choices, regex => regex, metadata => metadata, notify => notify, caller => caller);
END $$;
COMMENT ON FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision,
  double precision, double precision, double precision, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz,
  json, text[], text, json, boolean, moed.acting_role)
IS 'Adds a generation job and returns its id. Give arguments by name.
prompt: the user''s message; or messages: a JSON array in OpenAI''s chat shape (type json; cast jsonb). system: system message put before either.
reasoning: thinking (default of Qwen3) or non_thinking. thinking_token_budget: most tokens of thinking.
max_tokens: most generated tokens, thinking included. model: without it any worker that serves "default" runs the job.
temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, repetition_penalty, seed, stop, stop_token_ids: as in OpenAI''s and vLLM''s APIs.
params: any further members of the request body, as a JSON object. priority: higher starts first. run_at: not before.
max_attempts: 5 unless given. idempotency_key: the same tenant and key give the job that exists already. tenant: who it is for.
expires_at: a job that has not ended by then ends as failed with the code expired.
schema: a JSON Schema that the answer satisfies; or choices: the answers allowed; or regex: a regular expression of the whole answer.
metadata: any JSON value, which comes back in moed.jobs and moed.export_batch(). notify: NOTIFY moed_done with the id when it ends.
caller: leave it out.
Values out of range are stored; the job then ends as failed with a message. Only a tenant or an idempotency_key of a wrong length raises.';

CREATE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  notify boolean DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_batch uuid;
  entry record;
  line_text text;
  read record;
  job bigint;
  imported int := 0;
  deadline timestamptz := now() + completion_window;
BEGIN
  IF coalesce(length(name), 0) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'name must have 1 to 512 characters, not %', coalesce(length(name), 0)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF reasoning NOT IN ('thinking', 'non_thinking') THEN
    RAISE EXCEPTION 'reasoning must be thinking or non_thinking, not "%"', reasoning USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.batch (name, tenant_id, notifies)
  VALUES (import_batch.name, moed.tenant_for(tenant, moed.role_of(caller)), coalesce(notify, false))
  RETURNING id INTO new_batch;
  FOR entry IN SELECT s.value, s.number::int AS number FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
  LOOP
    line_text := btrim(entry.value, E' \t\r');
    IF entry.number = 1 THEN line_text := ltrim(line_text, chr(65279)); END IF;
    CONTINUE WHEN line_text = '';
    imported := imported + 1;
    job := NULL;
    SELECT * INTO read FROM moed.read_line(line_text);
    IF read.error_code IS NULL AND EXISTS (
      SELECT FROM moed.batch_line b WHERE b.batch_id = new_batch AND b.custom_id = read.custom_id AND b.job_id IS NOT NULL)
    THEN
      read.error_code := 'duplicate_custom_id';
      read.error_message := 'an earlier line has this custom_id';
      read.error_param := 'custom_id';
    END IF;
    IF read.error_code IS NULL THEN
      job := moed.insert_job(
        params => read.body, tenant => tenant, priority => priority, run_at => run_at, expires_at => deadline,
        reasoning => CASE WHEN reasoning IS NOT NULL AND NOT moed.chooses_mode(read.body) THEN reasoning END,
        model => CASE WHEN model IS NOT NULL AND moed.json_text(read.body, 'model') IS NULL THEN model END, caller => caller);
    END IF;
    INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
    VALUES (new_batch, entry.number, read.custom_id, job, read.error_code, left(read.error_message, 1000), read.error_param);
  END LOOP;
  IF imported = 0 THEN
    RAISE EXCEPTION 'the batch has no lines' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give one JSON object per line: {"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.';
  END IF;
  RETURN new_batch;
END $$;
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, boolean, moed.acting_role) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line at fault becomes an error of the batch; the others run. A job that has not ended within completion_window ends as expired. reasoning and model hold for lines that choose none. notify: NOTIFY moed_done with the batch''s id when all its jobs have ended. Leave caller out.';

CREATE OR REPLACE FUNCTION moed.export_batch(batch uuid) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = export_batch.batch) THEN
    RAISE EXCEPTION 'there is no batch %', export_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  -- Many programs end a line at U+0085, U+2028 and U+2029 as well. In JSON they stand in strings only.
  RETURN QUERY SELECT replace(replace(replace(left(json_build_object(
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
  )::text, -1) || coalesce(', "metadata" : ' || translate(m.metadata, E'\r\n', '  '), '') || '}',
    chr(133), E'\\u0085'), chr(8232), E'\\u2028'), chr(8233), E'\\u2029')
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id
  LEFT JOIN moed.job_request q ON q.job_id = j.id AND strpos(q.body::text, '"metadata"') > 0
  CROSS JOIN LATERAL (SELECT nullif(moed.json_member(q.body, 'metadata')::text, 'null') AS metadata) m
  CROSS JOIN LATERAL (SELECT r.error_code IN ('engine_error', 'worker_lost', 'result_refused') AS is_ours) e
  WHERE l.batch_id = export_batch.batch AND (j.id IS NULL OR j.finished_at IS NOT NULL)
  ORDER BY l.line;
END $$;
COMMENT ON FUNCTION moed.export_batch(uuid) IS 'Lines of OpenAI''s batch output in the order of the input: answers and errors of jobs that have ended. A line has the member metadata when its request has one. Call it again when moed.batches shows that the rest has ended.';

-- It runs with the rights of the inserting role, which moed.insert_job() asks for.
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
    expires_at => NEW.expires_at, schema => NEW.schema, choices => NEW.choices, regex => NEW.regex,
    metadata => NEW.metadata, notify => NEW.notify);
  RETURN NEW;
END $$;
COMMENT ON FUNCTION moed.jobs_insert() IS 'Makes INSERT INTO moed.jobs enqueue.';

-- LEFT JOIN of moed.model: a job whose model no worker has registered has its name in moed.job.
CREATE OR REPLACE VIEW moed.jobs WITH (security_invoker = true) AS
SELECT
  j.id, j.state,
  moed.last_message(q.body, 'user') AS prompt,
  r.content, r.reasoning, coalesce(l.mode, j.mode)::text AS mode, r.finish_reason,
  r.error_code || coalesce(' (' || r.error_param || ')', '') || ': ' || r.error_message AS error,
  r.error_code,
  nullif(array_to_string(q.warnings || r.warnings, '; '), '') AS warning,
  l.prompt_tokens, l.cached_tokens, l.thinking_tokens, l.injected_tokens, l.answer_tokens,
  coalesce(l.completion_tokens, l.told_completion_tokens) AS completion_tokens,
  coalesce(l.total_tokens, l.prompt_tokens + l.told_completion_tokens) AS total_tokens,
  j.created_at, j.run_at, j.started_at, j.finished_at,
  CASE WHEN j.state <> 'scheduled' THEN
    moed.milliseconds(greatest(j.created_at, j.run_at), coalesce(j.started_at, j.finished_at, clock_timestamp())) END AS queued_ms,
  CASE WHEN j.started_at IS NOT NULL AND j.state <> 'queued' THEN
    moed.milliseconds(j.started_at, coalesce(j.finished_at, clock_timestamp())) END AS run_ms,
  j.attempt, j.max_attempts::numeric AS max_attempts, j.priority::numeric AS priority,
  coalesce(t.name, (SELECT min(n.name) FROM moed.tenant_request n WHERE n.tenant_id = j.tenant_id)) AS tenant,
  coalesce(m.name, j.model_name) AS model,
  (SELECT w.host || '/' || w.pid FROM moed.worker w
    WHERE w.id = coalesce(j.leased_by, (SELECT a.worker_id FROM moed.job_attempt a
                                         WHERE a.job_id = j.id AND a.lease_token = j.lease_token))) AS worker,
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
  moed.json_integers(q.body, 'stop_token_ids')::numeric[] AS stop_token_ids,
  moed.last_message(q.body, 'system') AS system,
  moed.json_member(q.body, 'messages') AS messages,
  NULL::json AS params,
  q.body AS request,
  r.body AS response,
  j.expires_at,
  o.model || ' (' || o.formats || ') ' || o.digest AS computed_by,
  moed.json_member(moed.json_member(q.body, 'structured_outputs'), 'json') AS schema,
  moed.json_texts(moed.json_member(q.body, 'structured_outputs'), 'choice') AS choices,
  moed.json_text(moed.json_member(q.body, 'structured_outputs'), 'regex') AS regex,
  moed.json_member(q.body, 'metadata') AS metadata,
  j.notifies AS notify
FROM moed.job j
LEFT JOIN moed.tenant t ON t.id = j.tenant_id
LEFT JOIN moed.model m ON m.id = j.model_id
LEFT JOIN moed.job_request q ON q.job_id = j.id
LEFT JOIN moed.job_result r ON r.job_id = j.id
LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final'
LEFT JOIN moed.origin o ON o.id = r.origin_id;
COMMENT ON COLUMN moed.jobs.finish_reason IS 'stop: came to its end. tool_calls: calls tools. length: cut at max_tokens or the end of the context.';
COMMENT ON COLUMN moed.jobs.schema IS 'JSON Schema that the answer satisfies.';
COMMENT ON COLUMN moed.jobs.choices IS 'Answers that are allowed.';
COMMENT ON COLUMN moed.jobs.regex IS 'Regular expression that the whole answer matches.';
COMMENT ON COLUMN moed.jobs.metadata IS 'The caller''s own JSON value. It changes no answer.';
COMMENT ON COLUMN moed.jobs.notify IS 'True: the end of the job is notified on the channel moed_done.';

CREATE FUNCTION moed.room_for(answer numeric, reasoning text) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT answer + CASE WHEN reasoning IN ('non_thinking', 'none') THEN 0 ELSE 4096 END
$$;
COMMENT ON FUNCTION moed.room_for(numeric, text) IS 'Value of max_tokens for an answer of this number of tokens, with room for thinking where the mode may think.';

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

-- With one label the answer is the label itself. With several it is an object with a boolean for each label.
CREATE FUNCTION moed.classify(
  text text, labels text[], multi boolean DEFAULT false, instructions text DEFAULT NULL,
  model text DEFAULT NULL, reasoning text DEFAULT 'non_thinking', max_tokens numeric DEFAULT NULL, tenant text DEFAULT NULL,
  priority numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL, params json DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.enqueue(
    prompt => classify.text,
    system => concat(
      CASE WHEN multi THEN
        'Decide for each of these labels whether it applies to the user''s text. Answer with a JSON object that has true or false for each label.'
      ELSE 'Classify the user''s text: choose the one label that fits best. Answer with the label alone.' END,
      chr(10), 'Labels:', chr(10), l.list, chr(10) || chr(10) || instructions),
    choices => CASE WHEN multi IS NOT true THEN coalesce(labels, '{}') END,
    schema => CASE WHEN multi THEN l.schema END,
    temperature => CASE WHEN classify.reasoning = 'non_thinking' AND moed.json_number(params, 'temperature') IS NULL THEN 0 END,
    max_tokens => coalesce(
      classify.max_tokens, moed.room_for(CASE WHEN multi THEN l.bytes + 16 * l.count ELSE l.longest END + 32, classify.reasoning)),
    model => classify.model, reasoning => classify.reasoning, tenant => classify.tenant, priority => classify.priority,
    idempotency_key => classify.idempotency_key, metadata => classify.metadata, notify => classify.notify,
    params => CASE WHEN multi OR json_typeof(classify.params) <> 'object' THEN classify.params
      ELSE concat('{"choice_probabilities":true', ',' || substring(classify.params::text FROM '^\s*\{\s*(\S.*)\}\s*$'), '}')::json
    END)
  FROM (SELECT string_agg('- ' || u.label, chr(10) ORDER BY u.number) AS list, count(*) AS count,
          coalesce(max(octet_length(u.label)), 0) AS longest, coalesce(sum(octet_length(u.label)), 0) AS bytes,
          json_build_object('type', 'object',
            'properties', coalesce(json_object_agg(u.label, json_build_object('type', 'boolean') ORDER BY u.number), '{}'),
            'required', coalesce(json_agg(u.label ORDER BY u.number), '[]'), 'additionalProperties', false) AS schema
          FROM (SELECT n.label, min(n.number) AS number FROM unnest(labels) WITH ORDINALITY AS n(label, number)
                 WHERE n.label IS NOT NULL GROUP BY n.label) AS u) AS l
   WHERE classify.text IS NOT NULL
$$;
COMMENT ON FUNCTION moed.classify(text, text[], boolean, text, text, text, numeric, text, numeric, text, json, boolean, json) IS 'Classifies a text: the answer is one of the labels, or with multi any number of them. instructions are added to the system message. Returns the job''s id; moed.classification() reads the labels. The other arguments are those of moed.enqueue().';

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

CREATE FUNCTION moed.answer(job_id bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT r.content FROM moed.job_result r JOIN moed.job j ON j.id = r.job_id
   WHERE r.job_id = answer.job_id AND j.state = 'succeeded'
$$;
COMMENT ON FUNCTION moed.answer(bigint) IS 'Answer of a succeeded job; NULL for any other, see moed.why().';

CREATE FUNCTION moed.classification(job_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  content text := moed.answer(job_id);
  has_choices boolean := (
    SELECT moed.json_texts(moed.json_member(q.body, 'structured_outputs'), 'choice') IS NOT NULL
      FROM moed.job_request q WHERE q.job_id = classification.job_id);
  probabilities json := (
    SELECT r.body -> 'choices' -> 0 -> 'choice_probabilities' FROM moed.job_result r WHERE r.job_id = classification.job_id);
BEGIN
  IF content IS NULL THEN RETURN NULL; END IF;
  IF has_choices THEN 
    RETURN jsonb_strip_nulls(jsonb_build_object('label', content, 'labels', ARRAY[content], 'probabilities', probabilities));
  END IF;
  RETURN jsonb_build_object('labels', ARRAY(
    SELECT m.key FROM json_each_text(content::json) WITH ORDINALITY AS m(key, value, number)
     WHERE m.value = 'true' ORDER BY m.number));
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.classification(bigint) IS 'Result of moed.classify(): {"label": …, "labels": […], "probabilities": {…}}, only labels for multi; NULL when the job has not succeeded.';

CREATE FUNCTION moed.extraction(job_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  content text := moed.answer(job_id);
BEGIN
  RETURN content::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  BEGIN
    RETURN moed.readable_json(content)::jsonb;
  EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
  END;
END $$;
COMMENT ON FUNCTION moed.extraction(bigint) IS 'Answer of a succeeded job as jsonb; NULL when the job has not succeeded or its answer is no JSON. U+FFFD stands for \u0000 and lone surrogates, which jsonb cannot keep.';

CREATE FUNCTION moed.wait_batch(batch uuid, timeout interval DEFAULT '1 hour') RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  deadline timestamptz := clock_timestamp() + timeout;
  pause double precision := 0.01;
  next_line int := 0;
BEGIN
  LOOP
    -- Lines before the first unfinished one are not looked at again.
    next_line := (
      SELECT l.line FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id
       WHERE l.batch_id = wait_batch.batch AND l.line >= next_line AND j.finished_at IS NULL ORDER BY l.line LIMIT 1);
    IF next_line IS NULL OR clock_timestamp() >= deadline THEN
      RETURN (SELECT b.status FROM moed.batches b WHERE b.id = wait_batch.batch);
    END IF;
    PERFORM pg_sleep(least(pause, extract(epoch FROM deadline - clock_timestamp())));
    pause := least(pause * 1.5, 0.5);
  END LOOP;
END $$;
COMMENT ON FUNCTION moed.wait_batch(uuid, interval) IS 'Waits until all jobs of a committed batch have ended or the time is over; returns the batch''s status, NULL when there is no such batch. Call it in a transaction of its own, isolation level read committed.';
