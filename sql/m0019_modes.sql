-- The members of a request body that name its mode are read in one place: reasoning counts too, wherever the body comes from.
-- moed.health names workers with a stuck loop. Programs before this one work on.

-- A plain expression without SET: PostgreSQL inlines it into statements over many requests.
CREATE FUNCTION moed.mode_named(variables json, thinks json, reasoning json, effort json) RETURNS moed.reasoning_mode
LANGUAGE sql STABLE AS $$
  SELECT CASE coalesce(
      CASE WHEN variables IS NOT NULL THEN nullif(moed.json_member(variables, 'enable_thinking')::text, 'null') END,
      nullif(thinks::text, 'null'), nullif(reasoning::text, 'null'), nullif(effort::text, 'null'), '')
    WHEN '' THEN NULL WHEN 'false' THEN 'non_thinking' WHEN '"non_thinking"' THEN 'non_thinking'
    WHEN '"none"' THEN 'non_thinking' ELSE 'thinking' END::moed.reasoning_mode
$$;
COMMENT ON FUNCTION moed.mode_named(json, json, json, json) IS 'Mode that chat_template_kwargs, enable_thinking, reasoning and reasoning_effort of a request body name; NULL when they name none.';

CREATE FUNCTION moed.mode_of_body(body json) RETURNS moed.reasoning_mode
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.mode_named(
    moed.json_member(body, 'chat_template_kwargs'), moed.json_member(body, 'enable_thinking'),
    moed.json_member(body, 'reasoning'), moed.json_member(body, 'reasoning_effort'))
$$;
COMMENT ON FUNCTION moed.mode_of_body(json) IS 'Mode that the members of a request body name; NULL when they name none.';

CREATE OR REPLACE FUNCTION moed.chooses_mode(body json) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.mode_of_body(body) IS NOT NULL
    OR coalesce(moed.json_member(body, 'messages')::text ~ E'([\\s"]|\\\\n)/(no_)?think[\\s"\\\\]', false)
$$;
COMMENT ON FUNCTION moed.chooses_mode(json) IS 'True when a request body chooses its reasoning mode: by a parameter, or by /think or /no_think in a message.';

-- A bad value (max_tokens -3, messages of a wrong shape) is stored as it is; that one job ends as failed when a worker
-- reads it. An error here would abort an INSERT ... SELECT of a million rows.
CREATE OR REPLACE FUNCTION moed.insert_job(
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
    IF reasoning IS NULL THEN job_mode := coalesce(moed.mode_of_body(params), 'thinking'); END IF;
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
  INSERT INTO moed.job_request (job_id, body, warnings, body_bytes)
  VALUES (new_id, moed.stored_body(body), nullif(remarks, '{}'), octet_length(body));
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz, moed.acting_role)
  IS 'Common part of moed.enqueue(), moed.import_batch() and INSERT INTO moed.jobs.';

CREATE OR REPLACE FUNCTION moed.insert_many(
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
           CASE WHEN is_plain THEN m.reasoning ELSE moed.json_member(p.body, 'reasoning') END AS reasoning,
           CASE WHEN is_plain THEN m.reasoning_effort ELSE moed.json_member(p.body, 'reasoning_effort') END AS effort,
           octet_length(coalesce(m.messages, p.body)::text) AS bytes
      FROM plain p CROSS JOIN LATERAL json_to_record(CASE WHEN is_plain THEN p.body ELSE '{}' END)
        AS m(model json, max_completion_tokens json, max_tokens json, chat_template_kwargs json, enable_thinking json,
             reasoning json, reasoning_effort json, messages json)
  ), shaped AS MATERIALIZED (
    SELECT r.body, r.number, r.model, r.bytes,
           CASE WHEN r.new_tokens ~ '^[0-9.]{1,9}$' THEN r.new_tokens::numeric END AS new_tokens,
           coalesce(moed.mode_named(r.variables, r.thinks, r.reasoning, r.effort), 'thinking') AS mode
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
    INSERT INTO moed.job_request (job_id, body, warnings, body_bytes)
    SELECT n.id, n.body, nullif(moed.clamp_remarks(insert_many.priority, insert_many.max_attempts), '{}'),
           octet_length(n.body::text)
      FROM numbered n
  )
  SELECT n.id FROM numbered n ORDER BY n.number;
END $$;
COMMENT ON FUNCTION moed.insert_many(json[], int, numeric, timestamptz, numeric, timestamptz, boolean) IS 'Statement of moed.enqueue_many(). With is_careful no body can raise an error.';

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
  h.prepared_transactions, h.replication_slots, h.oldest_snapshot_transactions,
  ARRAY(SELECT concat(w.host, ', process ', w.pid, ': ', w.status) FROM moed.worker w
         WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND starts_with(w.status, 'Stuck:')
         ORDER BY w.id) AS stuck_workers
FROM (
  SELECT max(v.age) AS oldest_transaction_age,
    count(*) FILTER (WHERE v.kind = 'prepared transaction') AS prepared_transactions,
    count(*) FILTER (WHERE v.kind = 'replication slot') AS replication_slots,
    max(v.transactions) AS oldest_snapshot_transactions
  FROM moed.vacuum_holders() v) h;
COMMENT ON COLUMN moed.health.stuck_workers IS 'Daemons with a loop that makes no progress, with their status lines: sweeps, database, or preparation of requests.';
