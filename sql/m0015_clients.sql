-- Clients: the role that calls counts, also in SECURITY DEFINER functions of applications; a bad value of a bulk insert or of a
-- batch line is an error of that one job or line; functions depend on no setting of the session. Operators: moed.why(),
-- moed.progress, and a moed.health that shows pauses and what keeps vacuum back.

DROP FUNCTION moed.cancel(bigint);
DROP FUNCTION moed.cancel_batch(uuid);
DROP FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision, double precision, double precision, double precision, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz);
DROP FUNCTION moed.enqueue_many(json[], text, numeric, timestamptz, numeric, timestamptz);
DROP FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval);
DROP FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric, numeric, numeric, text[], int[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz);
DROP FUNCTION moed.is_confined();
DROP FUNCTION moed.may_touch(int);
DROP FUNCTION moed.redrive(bigint);
DROP FUNCTION moed.request_body(text, text, numeric, text, numeric, numeric, numeric, numeric, numeric, numeric, numeric, numeric, text[], int[], numeric, json, text);
DROP FUNCTION moed.tenant_for(text);

-- Functions in SQL name functions that come later.
SET LOCAL check_function_bodies = off;

ALTER TABLE moed.job_request ADD COLUMN warnings text[];
ALTER TABLE moed.token_ledger ADD COLUMN truncated boolean NOT NULL DEFAULT false, ADD COLUMN empty boolean NOT NULL DEFAULT false;

-- Columns of moed.jobs take any number and text. An application's view of moed.jobs keeps reading the old one.
DO $$
BEGIN
  DROP VIEW moed.jobs;
EXCEPTION WHEN dependent_objects_still_exist THEN
  ALTER VIEW moed.jobs RENAME TO jobs_old;
END $$;

-- Its names are qualified and it has no settings of its own, so that it is inlined.
CREATE FUNCTION moed.call_stamp(role name) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT pg_catalog.concat(pg_catalog.pg_backend_pid(), ' ', extract(epoch FROM pg_catalog.transaction_timestamp()), ' ', role)
$$;
COMMENT ON FUNCTION moed.call_stamp(name) IS 'Text of moed.acting_role: session, transaction and role.';
-- A function with the rights of its owner cannot ask who calls it. Its argument of this type can: the caller's side makes
-- the value and checks it, with the rights of the calling role. So nobody can pass another role's value, and a value that
-- was kept is of no use in another transaction or session.
CREATE DOMAIN moed.acting_role AS text CHECK (VALUE = moed.call_stamp(current_user));
COMMENT ON DOMAIN moed.acting_role IS 'Role that calls a function, and the transaction of the call. Leave such an argument out.';
CREATE OR REPLACE FUNCTION moed.caller() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT current_user
$$;
COMMENT ON FUNCTION moed.caller() IS 'Role that is asking: the role of the session or of SET ROLE; in a SECURITY DEFINER function the owner of that function.';
-- A running job's row is not locked: its worker writes the answer there. Nor does this wait for a waiting job's row.
CREATE FUNCTION moed.cancel(
  job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
  old moed.job_state;
BEGIN
  SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id AND moed.may_touch(j.tenant_id, role);
  IF old IN ('queued', 'scheduled') THEN
    SELECT j.state INTO old FROM moed.job j
     WHERE j.id = cancel.job_id AND j.state IN ('queued', 'scheduled') FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp() WHERE j.id = cancel.job_id;
      RETURN 'cancelled';
    END IF;
    -- Another transaction holds the row, or the job's state has just changed.
    SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id;
  END IF;
  IF old IN ('queued', 'scheduled', 'running') THEN
    INSERT INTO moed.cancel_request (job_id)
    SELECT cancel.job_id WHERE NOT EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = cancel.job_id);
    RETURN 'requested';
  END IF;
  RETURN coalesce(old::text, 'unknown');
END $$;
COMMENT ON FUNCTION moed.cancel(bigint, moed.acting_role) IS 'Cancels a job. Returns cancelled, requested (it is running, or its row is locked: a worker ends it within seconds of the commit), the final state it had already, or unknown. Leave caller out.';
CREATE FUNCTION moed.cancel_batch(
  batch uuid, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
BEGIN
  UPDATE moed.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp())
   WHERE b.id = cancel_batch.batch AND moed.may_touch(b.tenant_id, role);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no batch %', cancel_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  RETURN moed.cancel_these(ARRAY(
    SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = cancel_batch.batch AND l.job_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION moed.cancel_batch(uuid, moed.acting_role) IS 'Cancels every job of a batch that has not ended; returns how many. Running ones are stopped by their workers within about a second. Leave caller out.';
CREATE FUNCTION moed.cancel_jobs(
  batch uuid DEFAULT NULL, model text DEFAULT NULL, tenant text DEFAULT NULL, state text DEFAULT NULL,
  enqueued_before timestamptz DEFAULT NULL, caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF state NOT IN ('queued', 'scheduled', 'running') THEN
    RAISE EXCEPTION 'state must be queued, scheduled or running, not "%"', state USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN moed.cancel_these(moed.matching_jobs(
    CASE WHEN state IS NULL THEN '{queued,scheduled,running}' ELSE ARRAY[state] END::moed.job_state[],
    batch, model, tenant, enqueued_before, NULL, moed.role_of(caller)));
END $$;
COMMENT ON FUNCTION moed.cancel_jobs(uuid, text, text, text, timestamptz, moed.acting_role) IS 'Cancels all jobs that have not ended and fulfil every condition given; returns how many. Running ones are stopped by their workers. Leave caller out.';
-- It waits for no lock longer than that: a row that somebody holds is passed over, and its cancellation is requested.
CREATE FUNCTION moed.cancel_these(jobs bigint[]) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  stopped int;
  asked int := 0;
BEGIN
  BEGIN
    UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp()
     WHERE j.id = ANY (jobs) AND j.state IN ('queued', 'scheduled');
    GET DIAGNOSTICS stopped = ROW_COUNT;
  EXCEPTION WHEN lock_not_available THEN
    WITH free AS MATERIALIZED (
      SELECT j.id FROM moed.job j WHERE j.id = ANY (jobs) AND j.state IN ('queued', 'scheduled') FOR UPDATE SKIP LOCKED
    )
    UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp() FROM free f WHERE j.id = f.id;
    GET DIAGNOSTICS stopped = ROW_COUNT;
  END;
  IF stopped < cardinality(jobs) THEN
    INSERT INTO moed.cancel_request (job_id)
    SELECT j.id FROM moed.job j
     WHERE j.id = ANY (jobs) AND j.finished_at IS NULL
       AND NOT EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id);
    GET DIAGNOSTICS asked = ROW_COUNT;
  END IF;
  RETURN stopped + asked;
END $$;
COMMENT ON FUNCTION moed.cancel_these(bigint[]) IS 'Cancels jobs in one statement: ends those that wait, and requests it for those that run or whose row is locked. Returns how many.';
CREATE FUNCTION moed.chooses_mode(body json) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM (VALUES
      (moed.json_member(moed.json_member(body, 'chat_template_kwargs'), 'enable_thinking')),
      (moed.json_member(body, 'enable_thinking')), (moed.json_member(body, 'reasoning_effort')),
      (moed.json_member(body, 'reasoning'))) AS m(value)
    WHERE m.value::text <> 'null')
    OR coalesce(moed.json_member(body, 'messages')::text ~ E'([\\s"]|\\\\n)/(no_)?think[\\s"\\\\]', false)
$$;
COMMENT ON FUNCTION moed.chooses_mode(json) IS 'True when a request body chooses its reasoning mode: by a parameter, or by /think or /no_think in a message.';
CREATE FUNCTION moed.clamp_remarks(priority numeric, max_attempts numeric) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.array_remove(ARRAY[
    CASE WHEN priority < -32767 OR priority > 32767 THEN
      pg_catalog.format('priority %s is outside of -32767 to 32767', priority) END,
    CASE WHEN max_attempts < 1 OR max_attempts > 1000 THEN
      pg_catalog.format('max_attempts %s is outside of 1 to 1000', max_attempts) END], NULL)
$$;
COMMENT ON FUNCTION moed.clamp_remarks(numeric, numeric) IS 'Warnings of a job whose priority or max_attempts was replaced by the nearest allowed value.';
COMMENT ON FUNCTION moed.decay(interval) IS 'Weight of usage of this age: half after five minutes.';
CREATE FUNCTION moed.enqueue(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature double precision DEFAULT NULL, top_p double precision DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p double precision DEFAULT NULL, presence_penalty double precision DEFAULT NULL,
  frequency_penalty double precision DEFAULT NULL, repetition_penalty double precision DEFAULT NULL,
  seed numeric DEFAULT NULL, stop text[] DEFAULT NULL, stop_token_ids numeric[] DEFAULT NULL,
  thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, tenant text DEFAULT NULL,
  params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
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
    tenant => tenant, params => params, expires_at => expires_at, caller => caller);
END $$;
COMMENT ON FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision,
  double precision, double precision, double precision, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz,
  moed.acting_role)
IS 'Adds a generation job and returns its id. Give arguments by name.
prompt: the user''s message; or messages: a JSON array in OpenAI''s chat shape (type json; cast jsonb). system: system message put before either.
reasoning: thinking (default of Qwen3) or non_thinking. thinking_token_budget: most tokens of thinking.
max_tokens: most generated tokens, thinking included. model: without it any worker that serves "default" runs the job.
temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, repetition_penalty, seed, stop, stop_token_ids: as in OpenAI''s and vLLM''s APIs.
params: any further members of the request body, as a JSON object. priority: higher starts first. run_at: not before.
max_attempts: 5 unless given. idempotency_key: the same tenant and key give the job that exists already. tenant: who it is for.
expires_at: a job that has not ended by then ends as failed with the code expired.
caller: leave it out.
Values out of range are stored; the job then ends as failed with a message. Only a tenant or an idempotency_key of a wrong length raises.';
CREATE FUNCTION moed.enqueue_many(
  requests json[], tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  owner_id int := moed.tenant_for(tenant, moed.role_of(caller));
BEGIN
  IF EXISTS (SELECT FROM unnest(requests) AS r(body) WHERE r.body IS NULL) THEN
    RAISE EXCEPTION 'a request is NULL' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  RETURN QUERY SELECT * FROM moed.insert_many(requests, owner_id, priority, run_at, max_attempts, expires_at, false);
EXCEPTION WHEN program_limit_exceeded THEN
  -- A request is nested too deeply for the fast way.
  RETURN QUERY SELECT * FROM moed.insert_many(requests, owner_id, priority, run_at, max_attempts, expires_at, true);
END $$;
COMMENT ON FUNCTION moed.enqueue_many(json[], text, numeric, timestamptz, numeric, timestamptz, moed.acting_role) IS 'Adds jobs from OpenAI chat-completion bodies in one statement, several times as fast as INSERT INTO moed.jobs, and returns their ids in order: SELECT moed.enqueue_many(array_agg(json_build_object(''messages'', ...))) FROM my_table. Some ten thousand a call is a good size. Leave caller out.';
CREATE OR REPLACE FUNCTION moed.expired_message(expires_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'not done by its deadline, ' || moed.utc(expires_at)
$$;
COMMENT ON FUNCTION moed.expired_message(timestamptz) IS 'Error message of a job that missed its deadline.';
CREATE OR REPLACE FUNCTION moed.export_batch(batch uuid) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = export_batch.batch) THEN
    RAISE EXCEPTION 'there is no batch %', export_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  -- Many programs end a line at U+0085, U+2028 and U+2029 as well. In JSON they stand in strings only.
  RETURN QUERY SELECT replace(replace(replace(json_build_object(
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
  )::text, chr(133), E'\\u0085'), chr(8232), E'\\u2028'), chr(8233), E'\\u2029')
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id
  CROSS JOIN LATERAL (SELECT r.error_code IN ('engine_error', 'worker_lost', 'result_refused') AS is_ours) e
  WHERE l.batch_id = export_batch.batch AND (j.id IS NULL OR j.finished_at IS NOT NULL)
  ORDER BY l.line;
END $$;
COMMENT ON FUNCTION moed.export_batch(uuid) IS 'Lines of OpenAI''s batch output in the order of the input: answers and errors of jobs that have ended. Call it again when moed.batches shows that the rest has ended.';
CREATE FUNCTION moed.hindrances(tenant_id int, model_id int, model_name text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT array_agg(h.reason ORDER BY h.place) FROM (
    SELECT 1 AS place, format('everything is paused since %s', moed.utc(c.paused_at)) AS reason
      FROM moed.control c WHERE c.paused_at IS NOT NULL
    UNION ALL
    SELECT 2, format('model "%s" is paused since %s', m.name, moed.utc(m.paused_at))
      FROM moed.model m WHERE m.id = hindrances.model_id AND m.paused_at IS NOT NULL
    UNION ALL
    SELECT 3, format('tenant "%s" is paused since %s', t.name, moed.utc(t.paused_at))
      FROM moed.tenant t WHERE t.id = hindrances.tenant_id AND t.paused_at IS NOT NULL
    UNION ALL
    SELECT 4, format('tenant "%s" has used %s of its %s tokens of today, and its jobs start again at midnight UTC',
                     t.name, t.tokens_today, t.tokens_per_day)
      FROM moed.tenants t WHERE t.id = hindrances.tenant_id AND t.tokens_today >= t.tokens_per_day
    UNION ALL
    SELECT 5, format('tenant "%s" has %s running jobs, as many as its max_running allows', t.name, r.jobs)
      FROM moed.tenant t CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM moed.job q WHERE q.state = 'running' AND q.tenant_id = t.id) r
     WHERE t.id = hindrances.tenant_id AND r.jobs >= t.max_running
    UNION ALL
    SELECT 6, format('no worker has ever served model "%s", so a worker ends it with model_not_found', hindrances.model_name)
     WHERE hindrances.model_name IS NOT NULL
    UNION ALL
    SELECT 7, CASE
        WHEN NOT EXISTS (SELECT FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp())
          THEN 'no worker is alive'
        ELSE format('no live worker serves model "%s"', m.name) END
      FROM moed.model m
     WHERE m.id = hindrances.model_id AND NOT EXISTS (
       SELECT FROM moed.worker w
        WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND m.id = ANY (w.models))) AS h
$$;
COMMENT ON FUNCTION moed.hindrances(int, int, text) IS 'Reasons why no job of a tenant and model starts now: pauses, budget, max_running, no worker. NULL is none.';
CREATE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
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
  INSERT INTO moed.batch (name, tenant_id)
  VALUES (import_batch.name, moed.tenant_for(tenant, moed.role_of(caller)))
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
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, moed.acting_role) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line at fault becomes an error of the batch; the others run. A job that has not ended within completion_window ends as expired. reasoning and model hold for lines that choose none. Leave caller out.';
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
    IF reasoning IS NULL THEN
      job_mode := CASE coalesce(
          nullif(moed.json_member(moed.json_member(params, 'chat_template_kwargs'), 'enable_thinking')::text, 'null'),
          nullif(moed.json_member(params, 'enable_thinking')::text, 'null'), moed.json_text(params, 'reasoning_effort'))
        WHEN 'false' THEN 'non_thinking' WHEN 'none' THEN 'non_thinking' ELSE 'thinking' END;
    END IF;
  END IF;
  body := moed.request_body(
    messages => chat, reasoning => reasoning, max_tokens => max_tokens, model => model, temperature => temperature,
    top_p => top_p, top_k => top_k, min_p => min_p, presence_penalty => presence_penalty,
    frequency_penalty => frequency_penalty, repetition_penalty => repetition_penalty, seed => seed, stop => stop,
    stop_token_ids => stop_token_ids, thinking_token_budget => thinking_token_budget, params => params,
    extra => extra);

  IF asked_model IS NOT NULL THEN
    asked_model := moed.model_key(asked_model);
    known_model := moed.model_of(asked_model);
  END IF;
  INSERT INTO moed.job (tenant_id, model_id, model_name, mode, bucket, priority, run_at, state, max_attempts, idempotency_key,
                        expires_at)
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
  INSERT INTO moed.job_request (job_id, body, warnings) VALUES (new_id, moed.stored_body(body), nullif(remarks, '{}'));
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz, moed.acting_role)
  IS 'Common part of moed.enqueue(), moed.import_batch() and INSERT INTO moed.jobs.';
CREATE FUNCTION moed.insert_many(
  requests json[], owner_id int, priority numeric, run_at timestamptz, max_attempts numeric, expires_at timestamptz,
  is_careful boolean)
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  -- PostgreSQL reads no member of an object with an escape that it cannot decode; where there is none at all, reading is
  -- safe, and much faster than the functions that are prepared for it.
  WITH plain AS MATERIALIZED (
    SELECT r.body, r.number, NOT is_careful AND strpos(r.body::text, E'\\u') = 0 AND json_typeof(r.body) = 'object' AS is_plain
      FROM unnest(requests) WITH ORDINALITY AS r(body, number)
  ), read AS MATERIALIZED (
    SELECT p.body, p.number,
           CASE WHEN NOT is_plain THEN moed.json_text(p.body, 'model')
                WHEN json_typeof(m.model) = 'string' THEN m.model #>> '{}' END AS model,
           CASE WHEN is_plain THEN coalesce(m.max_completion_tokens, m.max_tokens)::text
                ELSE coalesce(moed.json_number(p.body, 'max_completion_tokens'), moed.json_number(p.body, 'max_tokens'))::text
                END AS new_tokens,
           CASE WHEN is_plain THEN m.chat_template_kwargs
                ELSE moed.json_member(p.body, 'chat_template_kwargs') END AS variables,
           CASE WHEN is_plain THEN m.enable_thinking ELSE moed.json_member(p.body, 'enable_thinking') END AS thinks,
           CASE WHEN is_plain THEN m.reasoning_effort #>> '{}' ELSE moed.json_text(p.body, 'reasoning_effort') END AS effort,
           octet_length(coalesce(m.messages, p.body)::text) AS bytes
      FROM plain p CROSS JOIN LATERAL json_to_record(CASE WHEN is_plain THEN p.body ELSE '{}' END)
        AS m(model json, max_completion_tokens json, max_tokens json, chat_template_kwargs json, enable_thinking json,
             reasoning_effort json, messages json)
  ), shaped AS MATERIALIZED (
    SELECT r.body, r.number, r.model, r.bytes,
           CASE WHEN r.new_tokens ~ '^[0-9.]{1,9}$' THEN r.new_tokens::numeric END AS new_tokens,
           CASE coalesce(CASE WHEN r.variables IS NOT NULL THEN
                  nullif((moed.json_member(r.variables, 'enable_thinking'))::text, 'null') END,
                nullif(r.thinks::text, 'null'), r.effort)
             WHEN 'false' THEN 'non_thinking' WHEN 'none' THEN 'non_thinking' ELSE 'thinking' END::moed.reasoning_mode AS mode
      FROM read r
  ), named AS MATERIALIZED (
    SELECT d.model, d.key, moed.model_of(d.key) AS id
      FROM (SELECT DISTINCT s.model, moed.model_key(s.model) AS key FROM shaped s WHERE s.model IS NOT NULL) AS d
  ), numbered AS MATERIALIZED (
    SELECT s.*, nextval('moed.job_id_seq') AS id FROM (SELECT * FROM shaped ORDER BY number) AS s
  ), added AS (
    INSERT INTO moed.job (id, tenant_id, model_id, model_name, mode, bucket, priority, run_at, state, max_attempts, expires_at)
    OVERRIDING SYSTEM VALUE
    SELECT n.id, owner_id, coalesce(m.id, 1), CASE m.id WHEN 0 THEN m.key END, n.mode,
           moed.length_bucket(n.bytes,
                              coalesce(n.new_tokens, CASE n.mode WHEN 'thinking' THEN 2048 ELSE 1024 END)),
           greatest(-32767, least(32767, coalesce(insert_many.priority, 0))),
           coalesce(insert_many.run_at, now()),
           CASE WHEN insert_many.run_at > clock_timestamp() THEN 'scheduled' ELSE 'queued' END::moed.job_state,
           greatest(1, least(1000, coalesce(insert_many.max_attempts, 5))), insert_many.expires_at
      FROM numbered n LEFT JOIN named m ON m.model = n.model
  ), stored AS (
    INSERT INTO moed.job_request (job_id, body, warnings)
    SELECT n.id, n.body, nullif(moed.clamp_remarks(insert_many.priority, insert_many.max_attempts), '{}') FROM numbered n
  )
  SELECT n.id FROM numbered n ORDER BY n.number;
END $$;
COMMENT ON FUNCTION moed.insert_many(json[], int, numeric, timestamptz, numeric, timestamptz, boolean) IS 'Statement of moed.enqueue_many(). With is_careful no body can raise an error.';
CREATE FUNCTION moed.is_confined(role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT c.relrowsecurity AND NOT EXISTS (
      SELECT FROM pg_roles r WHERE r.rolname IN ('moed_owner', 'moed_worker', 'moed_operator')
         AND pg_has_role(is_confined.role, r.oid, 'USAGE'))
    FROM pg_class c WHERE c.oid = 'moed.job'::regclass
$$;
COMMENT ON FUNCTION moed.is_confined(name) IS 'True when a role acts for its own tenant only: row security is on, and the role is neither worker, operator nor owner.';
CREATE FUNCTION moed.is_reader(role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'moed_reader' AND pg_has_role(is_reader.role, r.oid, 'USAGE'))
$$;
COMMENT ON FUNCTION moed.is_reader(name) IS 'True when a role may see the jobs of all tenants.';
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
    expires_at => NEW.expires_at);
  RETURN NEW;
END $$;
CREATE FUNCTION moed.jobs_read_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'moed.jobs takes INSERT and SELECT only, not %', TG_OP USING ERRCODE = 'insufficient_privilege',
    HINT = 'moed.cancel() stops a job, moed.redrive() runs it again, moed.prune() deletes old ones.';
END $$;
COMMENT ON FUNCTION moed.jobs_read_only() IS 'Makes UPDATE and DELETE of moed.jobs name the functions to use.';
CREATE FUNCTION moed.json_fault(source text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  reason text;
  detail text;
BEGIN
  PERFORM source::json;
  RETURN NULL;
EXCEPTION
  WHEN program_limit_exceeded THEN
    RETURN 'nested too deeply';
  WHEN data_exception THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, reason = MESSAGE_TEXT;
    RETURN coalesce(nullif(detail, ''), reason);
END $$;
COMMENT ON FUNCTION moed.json_fault(text) IS 'Reason why a text is not JSON, in PostgreSQL''s words; NULL when it is.';
-- PostgreSQL does not give the place. A text cut off behind the fault has the same fault, so halving finds it.
CREATE FUNCTION moed.json_fault_place(source text, fault text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  low int := 0;
  high int := length(source);
  middle int;
BEGIN
  -- The fault is the end of the text when it is another one with more text.
  IF moed.json_fault(source || chr(1)) = fault THEN
    WHILE high - low > 1 LOOP
      middle := (low + high) / 2;
      IF moed.json_fault(left(source, middle)) = fault THEN high := middle; ELSE low := middle; END IF;
    END LOOP;
  END IF;
  RETURN octet_length(left(source, high));
END $$;
COMMENT ON FUNCTION moed.json_fault_place(text, text) IS 'Byte, from 1, at which PostgreSQL finds this fault in a text that is not JSON.';
CREATE OR REPLACE FUNCTION moed.json_integers(body json, name text) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.json_texts(body, name)::int[];
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
CREATE FUNCTION moed.json_kind(value json) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE pg_catalog.json_typeof(value)
    WHEN 'object' THEN 'an object' WHEN 'array' THEN 'an array' WHEN 'string' THEN 'a string' WHEN 'number' THEN 'a number'
    WHEN 'null' THEN 'null' ELSE 'a boolean' END
$$;
COMMENT ON FUNCTION moed.json_kind(json) IS 'Kind of a JSON value in words: an object, an array, a string, a number, a boolean or null.';
-- PostgreSQL raises an error when it reads a member of an object with \u0000 or a lone surrogate in it, or nested very
-- deeply. The json_* functions answer NULL then: an error would abort an INSERT ... SELECT of a million rows.
CREATE OR REPLACE FUNCTION moed.json_member(body json, name text) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN body -> name;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION moed.json_number(body json, name text) RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE WHEN json_typeof(body -> name) = 'number' THEN (body ->> name)::numeric END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION moed.json_text(body json, name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE WHEN json_typeof(body -> name) = 'string' THEN body ->> name END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION moed.json_texts(body json, name text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN CASE json_typeof(body -> name)
    WHEN 'array' THEN (SELECT array_agg(e.value ORDER BY e.ordinality)
                         FROM json_array_elements_text(body -> name) WITH ORDINALITY AS e)
    WHEN 'string' THEN ARRAY[body ->> name] END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION moed.last_message(body json, role text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN (SELECT m.value ->> 'content'
            FROM json_array_elements(body -> 'messages') WITH ORDINALITY AS m
           WHERE m.value ->> 'role' = last_message.role
           ORDER BY m.ordinality DESC LIMIT 1);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
CREATE FUNCTION moed.matching_jobs(
  states moed.job_state[], batch uuid, model text, tenant text, enqueued_before timestamptz, error_code text, role name)
RETURNS bigint[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  -- NULL is every tenant; 0 is none.
  owner_id int;
  found_ids bigint[];
BEGIN
  IF num_nonnulls(matching_jobs.batch, matching_jobs.model, matching_jobs.tenant, enqueued_before, matching_jobs.error_code) = 0
  THEN
    RAISE EXCEPTION 'give a batch, a model, a tenant, an error_code or enqueued_before' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'enqueued_before => now() means all.';
  END IF;
  IF moed.is_confined(role) THEN
    owner_id := moed.tenant_for(matching_jobs.tenant, role);
  ELSIF matching_jobs.tenant IS NOT NULL THEN
    owner_id := coalesce((SELECT t.id FROM moed.tenant t WHERE t.name = matching_jobs.tenant), 0);
  END IF;
  SELECT array_agg(j.id ORDER BY j.id) INTO found_ids
    FROM moed.job j LEFT JOIN moed.model m ON m.id = j.model_id
   WHERE j.state = ANY (states)
     AND (matching_jobs.batch IS NULL
          OR j.id IN (SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = matching_jobs.batch))
     AND (matching_jobs.model IS NULL OR coalesce(m.name, j.model_name) = matching_jobs.model)
     AND (owner_id IS NULL OR j.tenant_id = owner_id)
     AND (enqueued_before IS NULL OR j.created_at < enqueued_before)
     AND (matching_jobs.error_code IS NULL OR EXISTS (
       SELECT FROM moed.job_result r WHERE r.job_id = j.id AND r.error_code = matching_jobs.error_code));
  RETURN coalesce(found_ids, '{}');
END $$;
COMMENT ON FUNCTION moed.matching_jobs(moed.job_state[], uuid, text, text, timestamptz, text, name) IS 'Jobs in one of these states that fulfil every condition which is not NULL, and that the role may act on.';
CREATE FUNCTION moed.may_touch(tenant_id int, role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT moed.is_confined(role) OR coalesce(may_touch.tenant_id = moed.tenant_of_role(role), false)
$$;
COMMENT ON FUNCTION moed.may_touch(int, name) IS 'True when a role may act on jobs of a tenant.';
COMMENT ON FUNCTION moed.note_usage() IS 'Adds the usage of new ledger rows to moed.usage_delta.';
-- Policies call it. It runs with the rights of the role that reads, so that the role counts.
CREATE OR REPLACE FUNCTION moed.own_tenant() RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.tenant_of_caller()
$$;
CREATE FUNCTION moed.pauses() RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT ARRAY(
    SELECT p.what FROM (
      SELECT 1 AS place, 'all' AS what FROM moed.control c WHERE c.paused_at IS NOT NULL
      UNION ALL SELECT 2, 'model ' || m.name FROM moed.model m WHERE m.paused_at IS NOT NULL
      UNION ALL SELECT 3, 'tenant ' || t.name FROM moed.tenant t WHERE t.paused_at IS NOT NULL) AS p
    ORDER BY p.place, p.what)
$$;
COMMENT ON FUNCTION moed.pauses() IS 'Pauses in force: all, model NAME, tenant NAME. Empty when nothing is paused.';
CREATE FUNCTION moed.place_in_queue(job_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  j moed.job;
  ahead bigint;
  class text;
BEGIN
  SELECT q.* INTO j FROM moed.job q WHERE q.id = place_in_queue.job_id;
  IF j.state = 'scheduled' THEN
    RETURN format('It has been due since %s: a worker queues it within seconds.', moed.utc(j.run_at));
  END IF;
  IF j.bucket = -1 THEN
    RETURN format('It waits in quarantine: %s workers died while running it, and it runs alone once a worker has no other job.',
                  j.crashes);
  END IF;
  SELECT count(*) INTO ahead FROM moed.job q
   WHERE q.state = 'queued' AND (q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id)
                              >= (j.model_id, j.mode, j.bucket, j.tenant_id, -32768, 0)
     AND (q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id)
       < (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id);
  class := format('%s, at most %s tokens', CASE j.mode WHEN 'thinking' THEN 'thinking' ELSE 'non-thinking' END, 1 << j.bucket);
  IF ahead = 0 AND EXISTS (
    SELECT FROM moed.worker w WHERE w.idle AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
                                AND j.model_id = ANY (w.models)) THEN
    RETURN format('It is the next of its tenant and job class (%s): a worker with room claims it within seconds.', class);
  END IF;
  RETURN format('It is number %s of its tenant''s waiting jobs of its job class (%s): the workers are busy.', ahead + 1, class);
END $$;
COMMENT ON FUNCTION moed.place_in_queue(bigint) IS 'Place of a waiting job among those of its tenant and job class, in a sentence.';
CREATE FUNCTION moed.place_of_body(request text, body text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  place int := strpos(request, body);
  step int;
BEGIN
  -- Another member may look like the body. At the body's place a mark becomes the body.
  WHILE overlay(request PLACING '0' FROM place FOR length(body))::json ->> 'body' IS DISTINCT FROM '0' LOOP
    step := strpos(substr(request, place + 1), body);
    IF step = 0 THEN RETURN NULL; END IF;
    place := place + step;
  END LOOP;
  RETURN place;
END $$;
COMMENT ON FUNCTION moed.place_of_body(text, text) IS 'Character, from 1, at which the member body of a JSON object begins.';
CREATE OR REPLACE FUNCTION moed.prune(older_than interval, max_jobs int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  pruned int;
BEGIN
  IF older_than IS NULL OR older_than < interval '0' THEN
    RAISE EXCEPTION 'older_than must be a length of time, not %', coalesce(older_than::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM moed.prune_remains(clock_timestamp() - older_than);
  WITH ended AS MATERIALIZED (
    SELECT j.id FROM moed.job j WHERE j.finished_at < clock_timestamp() - older_than
     ORDER BY j.finished_at LIMIT max_jobs FOR UPDATE SKIP LOCKED
  )
  DELETE FROM moed.job j USING ended e WHERE j.id = e.id;
  GET DIAGNOSTICS pruned = ROW_COUNT;
  RETURN pruned;
END $$;
COMMENT ON FUNCTION moed.prune(interval, int) IS 'Deletes up to max_jobs jobs that ended longer ago, the oldest first, with request, result and history; the token account stays. Returns how many. Batches whose jobs are gone and workers that stopped go with them, at a later call. Idempotency keys of deleted jobs may be used again.';
-- A few of each at a call: workers call moed.prune() every minute. It runs with its owner's rights: a worker may not delete
-- these rows.
CREATE FUNCTION moed.prune_remains(before timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  WITH empty AS MATERIALIZED (
    SELECT b.id FROM moed.batch b
     WHERE b.created_at < before AND NOT EXISTS (SELECT FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id WHERE l.batch_id = b.id)
     ORDER BY b.created_at LIMIT 10 FOR UPDATE OF b SKIP LOCKED
  )
  DELETE FROM moed.batch b USING empty e WHERE b.id = e.id;
  DELETE FROM moed.worker w
   WHERE w.id IN (SELECT o.id FROM moed.worker o WHERE o.stopped_at < before
                   AND NOT EXISTS (SELECT FROM moed.job j WHERE j.state = 'running' AND j.leased_by = o.id)
                   ORDER BY o.id LIMIT 1000 FOR UPDATE OF o SKIP LOCKED);
END $$;
COMMENT ON FUNCTION moed.prune_remains(timestamptz) IS 'Deletes batches imported before an instant whose jobs are gone, and workers that stopped before it.';
CREATE FUNCTION moed.read_line(
  line text, OUT custom_id text, OUT body json, OUT error_code text, OUT error_message text, OUT error_param text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  fault text := moed.json_fault(line);
  request json;
  id json;
BEGIN
  IF fault IS NOT NULL THEN
    error_code := 'invalid_json';
    error_message := format('the line is not JSON at byte %s: %s', moed.json_fault_place(line, fault), fault);
    RETURN;
  END IF;
  request := line;
  IF json_typeof(request) <> 'object' THEN
    error_code := 'invalid_value';
    error_message := 'the line must be a JSON object, not ' || moed.json_kind(request);
    RETURN;
  END IF;
  IF strpos(line, E'\\u') > 0 THEN
    BEGIN
      PERFORM request -> 'custom_id';
    EXCEPTION WHEN data_exception THEN
      request := moed.readable_json(line)::json;
    END;
  END IF;
  id := request -> 'custom_id';
  body := request -> 'body';
  -- A line at fault keeps the beginning of its custom_id, so that it is found.
  custom_id := nullif(left(coalesce(moed.json_text(request, 'custom_id'), nullif(id::text, 'null')), 512), '');
  SELECT f.code, f.message, f.param INTO error_code, error_message, error_param FROM (VALUES
    (coalesce(id::text, 'null') = 'null',
     'missing_required_parameter', 'custom_id must be a text of 1 to 512 characters', 'custom_id'),
    (json_typeof(id) <> 'string',
     'invalid_value', 'custom_id must be a string, not ' || moed.json_kind(id), 'custom_id'),
    (length(request ->> 'custom_id') NOT BETWEEN 1 AND 512,
     'invalid_value', 'custom_id must have 1 to 512 characters, not ' || length(request ->> 'custom_id'), 'custom_id'),
    (strpos(line, id::text) = 0,
     'invalid_value', E'custom_id must not have \\u0000 or a lone surrogate: the database cannot keep it', 'custom_id'),
    (coalesce(request ->> 'method', 'POST') <> 'POST', 'invalid_value', 'method must be POST', 'method'),
    (coalesce(request ->> 'url', '/v1/chat/completions') <> '/v1/chat/completions',
     'invalid_value', 'url must be /v1/chat/completions', 'url'),
    (coalesce(body::text, 'null') = 'null', 'missing_required_parameter', 'body must be a JSON object', 'body'),
    (json_typeof(body) <> 'object', 'invalid_value', 'body must be an object, not ' || moed.json_kind(body), 'body'))
    AS f(holds, code, message, param) WHERE f.holds LIMIT 1;
  -- In a copy with other escapes the body stands where it stands in the line.
  IF error_code IS NULL AND request::text <> line THEN
    body := substr(line, moed.place_of_body(request::text, body::text), length(body::text));
  END IF;
EXCEPTION WHEN program_limit_exceeded THEN
  error_code := 'invalid_json';
  error_message := 'the line is nested too deeply';
END $$;
COMMENT ON FUNCTION moed.read_line(text) IS 'Reads a line of a batch file: its custom_id and body, or its fault.';
-- PostgreSQL reads no member of an object with \u0000 or a lone surrogate in it. Escaped backslashes are set aside first:
-- in \\u0000 there is no escape of NUL. U+0001 cannot stand in JSON.
CREATE FUNCTION moed.readable_json(source text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.replace(
    pg_catalog.regexp_replace(
      pg_catalog.replace(source, E'\\\\', pg_catalog.concat(pg_catalog.chr(1), pg_catalog.chr(1))),
      E'\\\\u0000|\\\\ud[89ab][0-9a-f]{2}(?!\\\\ud[c-f][0-9a-f]{2})|(?<!\\\\ud[89ab][0-9a-f]{2})\\\\ud[c-f][0-9a-f]{2}',
      E'\\\\ufffd', 'gi'),
    pg_catalog.concat(pg_catalog.chr(1), pg_catalog.chr(1)), E'\\\\')
$$;
COMMENT ON FUNCTION moed.readable_json(text) IS 'A JSON text with U+FFFD in place of escapes that PostgreSQL cannot decode: \u0000 and lone surrogates. Its length stays.';
CREATE FUNCTION moed.redrive(
  job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.redrive_these(ARRAY(
    SELECT j.id FROM moed.job j WHERE j.id = redrive.job_id AND moed.may_touch(j.tenant_id, moed.role_of(caller)))) > 0
$$;
COMMENT ON FUNCTION moed.redrive(bigint, moed.acting_role) IS 'Queues a failed or cancelled job again with fresh attempts; false when it is in another state. Leave caller out.';
CREATE FUNCTION moed.redrive_jobs(
  batch uuid DEFAULT NULL, model text DEFAULT NULL, tenant text DEFAULT NULL, state text DEFAULT NULL,
  enqueued_before timestamptz DEFAULT NULL, error_code text DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF state NOT IN ('failed', 'cancelled') THEN
    RAISE EXCEPTION 'state must be failed or cancelled, not "%"', state USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN moed.redrive_these(moed.matching_jobs(
    CASE WHEN state IS NULL THEN '{failed,cancelled}' ELSE ARRAY[state] END::moed.job_state[],
    batch, model, tenant, enqueued_before, error_code, moed.role_of(caller)));
END $$;
COMMENT ON FUNCTION moed.redrive_jobs(uuid, text, text, text, timestamptz, text, moed.acting_role) IS 'Queues all failed and cancelled jobs again that fulfil every condition given; returns how many. Leave caller out.';
-- It waits for no lock longer than that: a row that somebody holds is passed over.
CREATE FUNCTION moed.redrive_these(jobs bigint[]) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  wanted bigint[] := jobs;
  queued int;
BEGIN
  LOOP
    BEGIN
      -- A crashed job keeps its quarantine: it may well crash again.
      UPDATE moed.job j
         SET state = 'queued', finished_at = NULL, started_at = NULL, cancel_requested_at = NULL, attempt = 0, run_at = now()
       WHERE j.id = ANY (wanted) AND j.state IN ('failed', 'cancelled');
      GET DIAGNOSTICS queued = ROW_COUNT;
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      wanted := ARRAY(SELECT j.id FROM moed.job j WHERE j.id = ANY (wanted) AND j.state IN ('failed', 'cancelled')
                         FOR UPDATE SKIP LOCKED);
    END;
  END LOOP;
  IF queued = 0 THEN RETURN 0; END IF;
  DELETE FROM moed.job_result r USING moed.job j
   WHERE r.job_id = ANY (wanted) AND j.id = r.job_id AND j.state IN ('queued', 'scheduled');
  DELETE FROM moed.cancel_request r USING moed.job j
   WHERE r.job_id = ANY (wanted) AND j.id = r.job_id AND j.state IN ('queued', 'scheduled');
  PERFORM moed.wake_idle();
  RETURN queued;
END $$;
COMMENT ON FUNCTION moed.redrive_these(bigint[]) IS 'Queues failed and cancelled jobs again in one statement; returns how many.';
-- Members in order: first those of params, then the named arguments. When a member is repeated, the last one counts.
CREATE FUNCTION moed.request_body(
  messages text, reasoning text, max_tokens numeric, model text, temperature numeric, top_p numeric, top_k numeric,
  min_p numeric, presence_penalty numeric, frequency_penalty numeric, repetition_penalty numeric, seed numeric,
  stop text[], stop_token_ids numeric[], thinking_token_budget numeric, params json, extra text) RETURNS text
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
  numeric, text[], numeric[], numeric, json, text) IS 'Text of an OpenAI chat-completion body from the arguments that are not NULL; messages and params are copied byte for byte.';
CREATE FUNCTION moed.role_of(caller moed.acting_role) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  origin text := moed.call_stamp('');
BEGIN
  IF starts_with(caller, origin) THEN RETURN substr(caller, length(origin) + 1)::name; END IF;
  RAISE EXCEPTION 'the argument caller must be left out' USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION moed.role_of(moed.acting_role) IS 'Role that called a function; an error when the value is not of this transaction.';
COMMENT ON FUNCTION moed.set_paused(text, text, boolean) IS 'Common part of moed.pause() and moed.resume().';
-- PostgreSQL's limit of nesting depends on how deep its stack is at the moment. A worker accepts 128 levels.
CREATE FUNCTION moed.stored_body(body text) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN body::json;
EXCEPTION WHEN program_limit_exceeded THEN
  RETURN ('{"messages":' || repeat('[', 200) || repeat(']', 200) || '}')::json;
END $$;
COMMENT ON FUNCTION moed.stored_body(text) IS 'Request body as it is stored. A body nested too deeply for PostgreSQL is replaced by one that fails for the same reason.';
CREATE FUNCTION moed.tenant_for(tenant_name text, role name) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  own int;
BEGIN
  -- The first question is the cheap one, and asked for every job.
  IF NOT (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = 'moed.job'::regclass) OR NOT moed.is_confined(role) THEN
    RETURN CASE WHEN tenant_name IS NULL THEN 1 ELSE moed.tenant_of(tenant_name) END;
  END IF;
  own := moed.tenant_of_role(role);
  IF own IS NULL THEN
    RAISE EXCEPTION 'role "%" has no tenant', role USING ERRCODE = 'insufficient_privilege',
      HINT = format('An operator gives it one: INSERT INTO moed.tenant (name, db_role) VALUES (''…'', %L). '
                    'In a SECURITY DEFINER function the owner of that function counts.', role);
  END IF;
  IF tenant_name <> (SELECT t.name FROM moed.tenant t WHERE t.id = own) THEN
    RAISE EXCEPTION 'tenant "%" is not that of role "%"', tenant_name, role
      USING ERRCODE = 'insufficient_privilege', HINT = 'Leave the tenant out: jobs are those of the role''s own.';
  END IF;
  RETURN own;
END $$;
COMMENT ON FUNCTION moed.tenant_for(text, name) IS 'Tenant of a new job: the named one, else that of the role, else "default".';
CREATE FUNCTION moed.tenant_of_caller(caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.tenant_of_role(moed.role_of(caller))
$$;
COMMENT ON FUNCTION moed.tenant_of_caller(moed.acting_role) IS 'Tenant of the role that calls it. Rows of moed.tenant that the role cannot see count as well.';
CREATE FUNCTION moed.tenant_of_role(role name) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  found_id int;
  ids int[];
  names text;
BEGIN
  SELECT t.id INTO found_id FROM moed.tenant t WHERE t.db_role = role;
  IF found_id IS NOT NULL THEN RETURN found_id; END IF;
  SELECT array_agg(t.id), string_agg(format('"%s" (role %s)', t.name, t.db_role), ', ' ORDER BY t.name) INTO ids, names
    FROM moed.tenant t JOIN pg_roles r ON r.rolname = t.db_role WHERE pg_has_role(role, r.oid, 'USAGE');
  IF cardinality(ids) > 1 THEN
    RAISE EXCEPTION 'role "%" is a member of the roles of several tenants: %', role, names
      USING ERRCODE = 'insufficient_privilege', HINT = 'SET ROLE to one of these roles, or give the role a tenant of its own.';
  END IF;
  RETURN ids[1];
END $$;
COMMENT ON FUNCTION moed.tenant_of_role(name) IS 'Tenant whose db_role is this role, else the tenant of the one db_role that it is a member of. NULL when there is none; an error when there are several.';
CREATE FUNCTION moed.utc(instant timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT CASE WHEN isfinite(instant) THEN to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
              WHEN instant > now() THEN 'the end of time' ELSE 'the beginning of time' END
$$;
COMMENT ON FUNCTION moed.utc(timestamptz) IS 'An instant in words, in UTC; independent of DateStyle and TimeZone.';
-- It runs with its owner's rights where the owner may see all sessions (roles.sql). It returns their ages only.
CREATE FUNCTION moed.vacuum_holders(OUT kind text, OUT name text, OUT age interval, OUT transactions bigint)
RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'transaction', a.pid::text, clock_timestamp() - a.xact_start, age(a.backend_xmin)::bigint
    FROM pg_stat_activity a
   WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
  UNION ALL
  SELECT 'prepared transaction', p.gid, clock_timestamp() - p.prepared, age(p.transaction)::bigint
    FROM pg_prepared_xacts p WHERE p.database = current_database()
  UNION ALL
  SELECT 'replication slot', s.slot_name::text, NULL, greatest(age(s.xmin), age(s.catalog_xmin))::bigint
    FROM pg_replication_slots s WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL
  UNION ALL
  SELECT 'standby', r.application_name, NULL, age(r.backend_xmin)::bigint
    FROM pg_stat_replication r WHERE r.backend_xmin IS NOT NULL
$$;
COMMENT ON FUNCTION moed.vacuum_holders() IS 'Holders of old snapshots, which keep vacuum from removing dead rows: open transactions (name is the process id), prepared transactions, replication slots, standbys with hot_standby_feedback. transactions is the number of transactions begun since.';
CREATE FUNCTION moed.why(job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
  -- A tenant learns of its own jobs only: not of workers' hosts, nor of what others have queued.
  is_guest boolean := moed.is_confined(role) AND NOT moed.is_reader(role);
  j record;
  reasons text[];
BEGIN
  SELECT q.*, t.name AS tenant,
         CASE WHEN is_guest OR w.id IS NULL THEN 'a worker' ELSE 'worker ' || w.host || '/' || w.pid END AS holder,
         w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AS holder_lives,
         coalesce((SELECT min(c.requested_at) FROM moed.cancel_request c WHERE c.job_id = q.id), q.cancel_requested_at)
           AS cancel_asked_at,
         (SELECT r.error_code || ': ' || r.error_message FROM moed.job_result r WHERE r.job_id = q.id) AS error,
         (SELECT a.error_code || ': ' || a.error_message FROM moed.job_attempt a
           WHERE a.job_id = q.id AND a.lease_token = q.lease_token) AS last_error
    INTO j
    FROM moed.job q JOIN moed.tenant t ON t.id = q.tenant_id LEFT JOIN moed.worker w ON w.id = q.leased_by
   WHERE q.id = why.job_id AND (NOT is_guest OR q.tenant_id = moed.tenant_of_role(role));
  IF NOT FOUND THEN
    RETURN format('There is no job %s%s.', why.job_id, CASE WHEN is_guest THEN ' of yours' ELSE '' END);
  END IF;
  CASE j.state
    WHEN 'succeeded' THEN RETURN format('It succeeded at %s.', moed.utc(j.finished_at));
    WHEN 'cancelled' THEN RETURN format('It was cancelled at %s.', moed.utc(j.finished_at));
    WHEN 'failed' THEN
      RETURN format('It failed at %s: %s', moed.utc(j.finished_at), coalesce(j.error, 'its error was not kept.'));
    WHEN 'running' THEN
      RETURN CASE
        WHEN NOT j.holder_lives THEN format('The lease of %s has expired: another worker takes the job over.', j.holder)
        WHEN j.cancel_asked_at IS NOT NULL THEN
          format('Its cancellation was requested at %s: %s stops it.', moed.utc(j.cancel_asked_at), j.holder)
        ELSE format('It is running: %s started attempt %s at %s.', j.holder, j.attempt, moed.utc(j.started_at)) END;
    ELSE NULL;
  END CASE;
  IF j.cancel_asked_at IS NOT NULL THEN
    RETURN format('Its cancellation was requested at %s: a worker ends it within seconds.', moed.utc(j.cancel_asked_at));
  END IF;
  IF j.expires_at <= clock_timestamp() THEN
    RETURN format('Its deadline, %s, has passed: a worker ends it as expired.', moed.utc(j.expires_at));
  END IF;
  reasons := moed.hindrances(j.tenant_id, j.model_id, j.model_name);
  IF j.state = 'scheduled' AND j.run_at > clock_timestamp() THEN
    reasons := CASE WHEN j.attempt > 0 THEN
        format('attempt %s failed (%s) and it is tried again at %s', j.attempt, coalesce(j.last_error, 'no error was kept'),
               moed.utc(j.run_at))
      ELSE format('it is scheduled for %s', moed.utc(j.run_at)) END || reasons;
  END IF;
  IF cardinality(reasons) > 0 THEN RETURN format('It waits: %s.', array_to_string(reasons, '; ')); END IF;
  RETURN moed.place_in_queue(why.job_id);
END $$;
COMMENT ON FUNCTION moed.why(bigint, moed.acting_role) IS 'Says in one sentence why a job is not running, or how it ended. Leave caller out.';

COMMENT ON VIEW moed.tenants IS 'Tenants with their usage; it is a few seconds old.';
COMMENT ON COLUMN moed.tenants.may_start IS 'True when its jobs start: neither it nor everything is paused, and its budget is not used up.';
COMMENT ON COLUMN moed.tenants.recent_tokens IS 'Tokens of these attempts, decayed alike. A tenant with fewer comes first.';
CREATE OR REPLACE VIEW moed.batches WITH (security_invoker = true) AS
SELECT b.id, b.name, t.name AS tenant,
  CASE WHEN c.unfinished > 0 THEN CASE WHEN b.cancelled_at IS NULL THEN 'in_progress' ELSE 'cancelling' END
       WHEN c.cancelled > 0 THEN 'cancelled'
       WHEN c.completed > 0 OR c.pruned > 0 OR EXISTS (
         SELECT FROM moed.batch_line l JOIN moed.token_ledger g ON g.job_id = l.job_id WHERE l.batch_id = b.id) THEN 'completed'
       ELSE 'failed' END AS status,
  c.lines, c.unfinished, c.completed, c.failed, c.cancelled, c.line_errors, c.pruned,
  c.prompt_tokens, c.cached_tokens, c.completion_tokens, c.total_tokens,
  b.created_at, b.cancelled_at, CASE WHEN c.unfinished = 0 THEN c.last_end END AS finished_at,
  c.truncated, c.empty
FROM moed.batch b
JOIN moed.tenant t ON t.id = b.tenant_id
CROSS JOIN LATERAL (
  SELECT count(*) AS lines,
    count(*) FILTER (WHERE j.id IS NOT NULL AND j.finished_at IS NULL) AS unfinished,
    count(*) FILTER (WHERE j.state = 'succeeded') AS completed,
    count(*) FILTER (WHERE j.state = 'failed') AS failed,
    count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE l.job_id IS NULL) AS line_errors,
    count(*) FILTER (WHERE l.job_id IS NOT NULL AND j.id IS NULL) AS pruned,
    coalesce(sum(g.prompt_tokens), 0) AS prompt_tokens, coalesce(sum(g.cached_tokens), 0) AS cached_tokens,
    coalesce(sum(g.completion_tokens), 0) AS completion_tokens, coalesce(sum(g.total_tokens), 0) AS total_tokens,
    max(j.finished_at) AS last_end,
    count(*) FILTER (WHERE r.finish_reason = 'length') AS truncated, count(*) FILTER (WHERE r.content = '') AS empty
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id AND r.finish_reason IS NOT NULL
  LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
  WHERE l.batch_id = b.id) c;
COMMENT ON VIEW moed.batches IS 'Progress and usage of batches. lines = unfinished + completed + failed + cancelled + line_errors + pruned.';
COMMENT ON COLUMN moed.batches.tenant IS 'Owner of the batch.';
COMMENT ON COLUMN moed.batches.status IS 'in_progress, cancelling, cancelled, failed (no line of it ran) or completed.';
COMMENT ON COLUMN moed.batches.truncated IS 'Of the completed jobs, those whose answer ended at max_tokens or at the end of the context.';
COMMENT ON COLUMN moed.batches.empty IS 'Of the completed jobs, those with an empty answer.';
COMMENT ON VIEW moed.cost_daily IS 'Exact cost of succeeded jobs by moed.price. Wasted and recomputed tokens cost nothing.';
COMMENT ON COLUMN moed.cost_daily.tenant IS 'Owner of the jobs.';
CREATE OR REPLACE VIEW moed.health WITH (security_invoker = true) AS
SELECT
  (SELECT count(*) FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) AS workers_alive,
  (SELECT count(*) FROM moed.job j WHERE j.state = 'running') AS jobs_running,
  (SELECT clock_timestamp() - min(greatest(j.created_at, j.run_at)) FROM moed.job j WHERE j.state = 'queued')
    AS oldest_queued_age,
  (SELECT s.n_dead_tup FROM pg_stat_user_tables s WHERE s.relid = 'moed.job'::regclass) AS dead_job_rows,
  h.oldest_transaction_age,
  pg_notification_queue_usage() AS notify_queue_usage,
  moed.pauses() AS paused,
  ARRAY(SELECT t.name FROM moed.tenants t WHERE t.tokens_today >= t.tokens_per_day ORDER BY t.name) AS over_budget,
  ARRAY(SELECT m.name FROM moed.model m
         WHERE EXISTS (SELECT FROM moed.job j WHERE j.state = 'queued' AND j.model_id = m.id)
           AND NOT EXISTS (SELECT FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
                                                       AND m.id = ANY (w.models))
         ORDER BY m.name) AS unserved_models,
  h.prepared_transactions, h.replication_slots, h.oldest_snapshot_transactions
FROM (
  SELECT max(v.age) AS oldest_transaction_age,
    count(*) FILTER (WHERE v.kind = 'prepared transaction') AS prepared_transactions,
    count(*) FILTER (WHERE v.kind = 'replication slot') AS replication_slots,
    max(v.transactions) AS oldest_snapshot_transactions
  FROM moed.vacuum_holders() v) h;
COMMENT ON VIEW moed.health IS 'One row to watch: are there workers, does anything wait too long, is anything paused, does the database keep up.';
COMMENT ON COLUMN moed.health.dead_job_rows IS 'Estimated number of dead rows of moed.job; when it grows without end, something keeps vacuum from removing them.';
COMMENT ON COLUMN moed.health.oldest_transaction_age IS 'Age of the oldest open or prepared transaction of this database, which keeps vacuum back.';
COMMENT ON COLUMN moed.health.paused IS 'Pauses in force: all, model NAME, tenant NAME. moed.resume() ends them.';
COMMENT ON COLUMN moed.health.over_budget IS 'Tenants that have used their tokens_per_day; their jobs start again at midnight UTC.';
COMMENT ON COLUMN moed.health.unserved_models IS 'Models with queued jobs that no live worker serves.';
COMMENT ON COLUMN moed.health.prepared_transactions IS 'Prepared transactions of this database; each keeps vacuum back until COMMIT PREPARED or ROLLBACK PREPARED.';
COMMENT ON COLUMN moed.health.replication_slots IS 'Replication slots that keep vacuum back, of tables or of catalogs.';
COMMENT ON COLUMN moed.health.oldest_snapshot_transactions IS 'Transactions begun since the oldest snapshot that vacuum must respect. moed.vacuum_holders() names the holder.';
-- LEFT JOIN of moed.model: a job whose model no worker has registered has its name in moed.job.
CREATE VIEW moed.jobs WITH (security_invoker = true) AS
SELECT
  j.id, j.state,
  moed.last_message(q.body, 'user') AS prompt,
  r.content, r.reasoning, j.mode::text AS mode, r.finish_reason,
  r.error_code || coalesce(' (' || r.error_param || ')', '') || ': ' || r.error_message AS error,
  r.error_code,
  nullif(array_to_string(q.warnings || r.warnings, '; '), '') AS warning,
  l.prompt_tokens, l.cached_tokens, l.thinking_tokens, l.injected_tokens, l.answer_tokens,
  l.completion_tokens, l.total_tokens,
  j.created_at, j.run_at, j.started_at, j.finished_at,
  CASE WHEN j.state <> 'scheduled' THEN
    moed.milliseconds(greatest(j.created_at, j.run_at), coalesce(j.started_at, j.finished_at, clock_timestamp())) END AS queued_ms,
  CASE WHEN j.started_at IS NOT NULL AND j.state <> 'queued' THEN
    moed.milliseconds(j.started_at, coalesce(j.finished_at, clock_timestamp())) END AS run_ms,
  j.attempt, j.max_attempts::numeric AS max_attempts, j.priority::numeric AS priority,
  t.name AS tenant, coalesce(m.name, j.model_name) AS model,
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
  j.expires_at
FROM moed.job j
JOIN moed.tenant t ON t.id = j.tenant_id
LEFT JOIN moed.model m ON m.id = j.model_id
LEFT JOIN moed.job_request q ON q.job_id = j.id
LEFT JOIN moed.job_result r ON r.job_id = j.id
LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final';
COMMENT ON VIEW moed.jobs IS 'Jobs with their answers, and the way to add many: INSERT INTO moed.jobs (prompt, reasoning) SELECT ... FROM my_table. A column not given is as in moed.enqueue().';
COMMENT ON COLUMN moed.jobs.id IS 'Job number.';
COMMENT ON COLUMN moed.jobs.state IS 'scheduled, queued, running, succeeded, failed or cancelled.';
COMMENT ON COLUMN moed.jobs.prompt IS 'Insert: the user''s message. Read: the last user message.';
COMMENT ON COLUMN moed.jobs.content IS 'The answer.';
COMMENT ON COLUMN moed.jobs.reasoning IS 'Insert: the mode, thinking or non_thinking. Read: the thinking text (the mode is read in column mode).';
COMMENT ON COLUMN moed.jobs.mode IS 'thinking or non_thinking.';
COMMENT ON COLUMN moed.jobs.finish_reason IS 'stop: came to its end. length: cut at max_tokens or the end of the context.';
COMMENT ON COLUMN moed.jobs.error IS 'Why it failed: code, field and message.';
COMMENT ON COLUMN moed.jobs.error_code IS 'Why it failed, for programs.';
COMMENT ON COLUMN moed.jobs.warning IS 'Remarks that did not stop the job.';
COMMENT ON COLUMN moed.jobs.prompt_tokens IS 'Tokens of the prompt.';
COMMENT ON COLUMN moed.jobs.cached_tokens IS 'Prompt tokens taken from a cached prefix.';
COMMENT ON COLUMN moed.jobs.thinking_tokens IS 'Generated up to and including the end of thinking.';
COMMENT ON COLUMN moed.jobs.injected_tokens IS 'Put in to end the thinking at its budget.';
COMMENT ON COLUMN moed.jobs.answer_tokens IS 'Generated outside of thinking, the end token included.';
COMMENT ON COLUMN moed.jobs.completion_tokens IS 'thinking + injected + answer.';
COMMENT ON COLUMN moed.jobs.total_tokens IS 'prompt + completion.';
COMMENT ON COLUMN moed.jobs.created_at IS 'When it was enqueued.';
COMMENT ON COLUMN moed.jobs.run_at IS 'Not started before.';
COMMENT ON COLUMN moed.jobs.started_at IS 'When the latest attempt began.';
COMMENT ON COLUMN moed.jobs.finished_at IS 'When it reached its final state.';
COMMENT ON COLUMN moed.jobs.queued_ms IS 'Milliseconds it waited for its latest start, or until now.';
COMMENT ON COLUMN moed.jobs.run_ms IS 'Milliseconds of the latest attempt, or until now.';
COMMENT ON COLUMN moed.jobs.attempt IS 'Attempts begun.';
COMMENT ON COLUMN moed.jobs.max_attempts IS 'Attempts after which a retryable failure is final.';
COMMENT ON COLUMN moed.jobs.priority IS 'Higher starts first.';
COMMENT ON COLUMN moed.jobs.tenant IS 'Owner of the job.';
COMMENT ON COLUMN moed.jobs.model IS 'Model asked for; default: any worker that serves "default".';
COMMENT ON COLUMN moed.jobs.worker IS 'Host and process of the latest attempt.';
COMMENT ON COLUMN moed.jobs.idempotency_key IS 'Key that keeps it from being added twice.';
COMMENT ON COLUMN moed.jobs.seed IS 'Seed that was used, or else the one asked for.';
COMMENT ON COLUMN moed.jobs.max_tokens IS 'Most generated tokens, thinking included.';
COMMENT ON COLUMN moed.jobs.thinking_token_budget IS 'Most tokens of thinking.';
COMMENT ON COLUMN moed.jobs.temperature IS 'Sampling temperature; 0 is greedy.';
COMMENT ON COLUMN moed.jobs.top_p IS 'Nucleus sampling.';
COMMENT ON COLUMN moed.jobs.top_k IS 'Sampling among the K most probable tokens.';
COMMENT ON COLUMN moed.jobs.min_p IS 'Least probability relative to the most probable token.';
COMMENT ON COLUMN moed.jobs.presence_penalty IS 'Penalty for tokens that were generated before.';
COMMENT ON COLUMN moed.jobs.frequency_penalty IS 'Penalty per earlier generation of the token.';
COMMENT ON COLUMN moed.jobs.repetition_penalty IS 'Divisor for tokens in prompt or output; 1 is off.';
COMMENT ON COLUMN moed.jobs.stop IS 'Texts at which generation ends.';
COMMENT ON COLUMN moed.jobs.stop_token_ids IS 'Token ids at which generation ends.';
COMMENT ON COLUMN moed.jobs.system IS 'System message.';
COMMENT ON COLUMN moed.jobs.messages IS 'Chat messages, OpenAI''s shape.';
COMMENT ON COLUMN moed.jobs.params IS 'Insert only: further members of the request body, a JSON object.';
COMMENT ON COLUMN moed.jobs.request IS 'The whole request body as stored.';
COMMENT ON COLUMN moed.jobs.response IS 'OpenAI chat.completion object.';
COMMENT ON COLUMN moed.jobs.expires_at IS 'Deadline: not ended by then, it ends as failed with the code expired.';
CREATE TRIGGER jobs_insert INSTEAD OF INSERT ON moed.jobs FOR EACH ROW EXECUTE FUNCTION moed.jobs_insert();
CREATE TRIGGER jobs_read_only BEFORE UPDATE OR DELETE ON moed.jobs FOR EACH STATEMENT EXECUTE FUNCTION moed.jobs_read_only();
CREATE TRIGGER jobs_read_only_rows INSTEAD OF UPDATE OR DELETE ON moed.jobs FOR EACH ROW EXECUTE FUNCTION moed.jobs_read_only();
CREATE OR REPLACE VIEW moed.progress WITH (security_invoker = true) AS
SELECT p.tenant, p.model, p.batch, b.name AS batch_name, p.waiting, p.running, p.done, p.failed, p.cancelled,
  round(p.recent / least(10, greatest(p.minutes, 0.1)), 2) AS jobs_per_minute,
  CASE WHEN p.waiting + p.running = 0 THEN interval '0'
       WHEN p.recent > 0 THEN
         make_interval(secs => least(1e9, ((p.waiting + p.running) * least(10, greatest(p.minutes, 0.1)) * 60 / p.recent))::float8)
  END AS time_left
FROM (
  SELECT t.name AS tenant, coalesce(m.name, j.model_name) AS model, l.batch_id AS batch,
    count(*) FILTER (WHERE j.state IN ('queued', 'scheduled')) AS waiting,
    count(*) FILTER (WHERE j.state = 'running') AS running,
    count(*) FILTER (WHERE j.state = 'succeeded') AS done,
    count(*) FILTER (WHERE j.state = 'failed') AS failed,
    count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled,
    (count(*) FILTER (WHERE j.state IN ('succeeded', 'failed') AND j.started_at IS NOT NULL
                        AND j.finished_at > clock_timestamp() - interval '10 minutes'))::numeric AS recent,
    -- Jobs that started less than ten minutes ago are no measure for ten minutes.
    (extract(epoch FROM clock_timestamp() - min(j.started_at)) / 60)::numeric AS minutes
  FROM moed.job j
  JOIN moed.tenant t ON t.id = j.tenant_id
  LEFT JOIN moed.model m ON m.id = j.model_id
  LEFT JOIN moed.batch_line l ON l.job_id = j.id
  GROUP BY 1, 2, 3) AS p
LEFT JOIN moed.batch b ON b.id = p.batch;
COMMENT ON VIEW moed.progress IS 'Progress per tenant, model and batch. It counts all jobs that were not pruned.';
COMMENT ON COLUMN moed.progress.tenant IS 'Owner of the jobs.';
COMMENT ON COLUMN moed.progress.model IS 'Model asked for; default: any worker may run them.';
COMMENT ON COLUMN moed.progress.batch IS 'Batch; NULL for jobs that are in none.';
COMMENT ON COLUMN moed.progress.batch_name IS 'Name of the batch, given at import.';
COMMENT ON COLUMN moed.progress.waiting IS 'Jobs that are queued or scheduled.';
COMMENT ON COLUMN moed.progress.running IS 'Jobs that are running.';
COMMENT ON COLUMN moed.progress.done IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.progress.failed IS 'Jobs that failed.';
COMMENT ON COLUMN moed.progress.cancelled IS 'Jobs that were cancelled.';
COMMENT ON COLUMN moed.progress.jobs_per_minute IS 'Jobs a minute that ran and ended, over the last ten minutes, or since the first one started.';
COMMENT ON COLUMN moed.progress.time_left IS 'Time for the waiting and running jobs at that rate; NULL when no job has ended in the last ten minutes.';
COMMENT ON VIEW moed.queue_stats IS 'Jobs per job class (model, mode, length class) and state.';
CREATE OR REPLACE VIEW moed.usage_daily WITH (security_invoker = true) AS
SELECT
  (l.created_at AT TIME ZONE 'UTC')::date AS day, t.name AS tenant, m.name AS model, l.mode,
  count(*) FILTER (WHERE l.kind = 'final') AS jobs,
  coalesce(sum(l.prompt_tokens) FILTER (WHERE l.kind = 'final'), 0) AS prompt_tokens,
  coalesce(sum(l.cached_tokens) FILTER (WHERE l.kind = 'final'), 0) AS cached_tokens,
  coalesce(sum(l.thinking_tokens) FILTER (WHERE l.kind = 'final'), 0) AS thinking_tokens,
  coalesce(sum(l.injected_tokens) FILTER (WHERE l.kind = 'final'), 0) AS injected_tokens,
  coalesce(sum(l.answer_tokens) FILTER (WHERE l.kind = 'final'), 0) AS answer_tokens,
  coalesce(sum(l.completion_tokens) FILTER (WHERE l.kind = 'final'), 0) AS completion_tokens,
  coalesce(sum(l.total_tokens) FILTER (WHERE l.kind = 'final'), 0) AS total_tokens,
  coalesce(sum(l.recomputed_tokens), 0) AS recomputed_tokens,
  count(*) FILTER (WHERE l.kind = 'wasted') AS wasted_attempts,
  coalesce(sum(l.total_tokens) FILTER (WHERE l.kind = 'wasted'), 0) AS wasted_tokens,
  count(*) FILTER (WHERE l.truncated) AS truncated,
  count(*) FILTER (WHERE l.empty) AS empty
FROM moed.token_ledger l
JOIN moed.tenant t ON t.id = l.tenant_id
JOIN moed.model m ON m.id = l.model_id
GROUP BY 1, 2, 3, 4;
COMMENT ON COLUMN moed.usage_daily.tenant IS 'Owner of the jobs.';
COMMENT ON COLUMN moed.usage_daily.truncated IS 'Of the jobs, those whose answer ended at max_tokens or at the end of the context.';
COMMENT ON COLUMN moed.usage_daily.empty IS 'Of the jobs, those with an empty answer.';
COMMENT ON VIEW moed.workers IS 'Daemons with their models, jobs and state.';
COMMENT ON COLUMN moed.workers.status IS 'Status line at the last beat.';

COMMENT ON TYPE moed.reasoning_mode IS 'thinking: the model reasons before it answers. non_thinking: it answers at once.';
COMMENT ON TABLE moed.batch_line IS 'Lines of imported batches: the job of each, or its error.';
COMMENT ON COLUMN moed.batch_line.custom_id IS 'Name of the line, given by the client, unique in the batch. A line at fault keeps the first 512 characters.';
COMMENT ON COLUMN moed.batch_line.error_code IS 'Fault of the line: invalid_json, missing_required_parameter, invalid_value or duplicate_custom_id.';
COMMENT ON TABLE moed.control IS 'State of the whole queue; one row.';
COMMENT ON COLUMN moed.job.priority IS 'Higher starts first within tenant and job class.';
COMMENT ON COLUMN moed.job.mode IS 'thinking or non_thinking: part of the job class.';
COMMENT ON TABLE moed.job_request IS 'Request of each job: an OpenAI chat-completion body. Written once.';
COMMENT ON COLUMN moed.job_request.warnings IS 'Remarks made at enqueue that do not stop the job; NULL is none.';
COMMENT ON TABLE moed.job_result IS 'Answer of a succeeded job or error of a failed one.';
COMMENT ON TABLE moed.migration IS 'Applied schema migrations; written by `moed migrate`.';
COMMENT ON TABLE moed.model IS 'Names of models. Row 1, "default", stands for jobs that name none: every worker serves it unless its model.serve_default is false.';
COMMENT ON TABLE moed.price IS 'Prices per million tokens, in a currency of your choice. A change is a new row with a later valid_from.';
COMMENT ON TABLE moed.tenant IS 'Tenants: owners of jobs. A new name is added when it first enqueues.';
COMMENT ON COLUMN moed.tenant.weight IS 'Share of the running sequences relative to other tenants with waiting jobs.';
COMMENT ON COLUMN moed.tenant.db_role IS 'Database role of the tenant. This role and its members see and change the jobs of this tenant only, once they are members of moed_client and `moed migrate --roles` was run.';
COMMENT ON TABLE moed.tenant_usage IS 'Usage of each tenant: today, for its budget, and recent, for its share. Read it in moed.tenants.';
COMMENT ON COLUMN moed.tenant_usage.served_jobs IS 'Attempts that ended, each counting half as much after five minutes, at folded_at.';
COMMENT ON COLUMN moed.tenant_usage.folded_at IS 'When the row was last updated.';
COMMENT ON COLUMN moed.token_ledger.truncated IS 'True when the answer ended at max_tokens or at the end of the context.';
COMMENT ON COLUMN moed.token_ledger.empty IS 'True when the answer has no text.';
COMMENT ON TABLE moed.usage_delta IS 'Usage by new ledger rows that is not yet in moed.tenant_usage.';
COMMENT ON TABLE moed.worker IS 'One row per start of a daemon. Its lease covers all jobs that it runs: one small update per beat.';
COMMENT ON COLUMN moed.worker.idle IS 'True while it waits for jobs: NOTIFY is sent only when a live worker waits.';
COMMENT ON COLUMN moed.worker.tokens_per_second IS 'Tokens generated per second at the last beat.';
COMMENT ON COLUMN moed.worker.status IS 'Status line at the last beat.';
COMMENT ON COLUMN moed.worker.first_token IS 'Lowest lease_token of its jobs at the last beat.';
