-- No lock that a client can hold delays anybody else's job. A request to cancel a running job is a row of its own. An
-- unknown model name is a text of the job. Every table has a key that logical replication accepts.
-- Programs before this one work on: they run a job to its end whose cancellation was requested while it ran.

-- Not a column of moed.job: an open transaction that asks for a cancellation would hold the row of a running job.
-- The key is not the job: a second request would wait for the first one's transaction.
CREATE TABLE moed.cancel_request (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id       bigint NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE moed.cancel_request IS 'Jobs to be cancelled that ran, or whose row was locked, when moed.cancel() was called. Workers delete rows of ended jobs.';
COMMENT ON COLUMN moed.cancel_request.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.cancel_request.job_id IS 'moed.job.id; several requests for one job are possible.';
COMMENT ON COLUMN moed.cancel_request.requested_at IS 'When moed.cancel() was called.';

CREATE INDEX cancel_request_job_idx ON moed.cancel_request (job_id);
INSERT INTO moed.cancel_request (job_id, requested_at)
SELECT j.id, j.cancel_requested_at FROM moed.job j WHERE j.cancel_requested_at IS NOT NULL AND j.finished_at IS NULL;
COMMENT ON COLUMN moed.job.cancel_requested_at IS 'Of daemons before migration 14; see moed.cancel_request.';

ALTER TABLE moed.job ADD COLUMN model_name text;
UPDATE moed.job j SET model_id = 0, model_name = m.name
  FROM moed.model m WHERE m.id = j.model_id AND m.registered_at IS NULL;
ALTER TABLE moed.job ADD CONSTRAINT unknown_model_has_name CHECK ((model_id = 0) = (model_name IS NOT NULL));
COMMENT ON COLUMN moed.job.model_id IS 'moed.model.id; 0: no worker has registered the name in model_name.';
COMMENT ON COLUMN moed.job.model_name IS 'Name that it asks for while model_id is 0: a worker looks the name up again, and fails the job when it is still unknown.';
DELETE FROM moed.model m
 WHERE m.registered_at IS NULL AND m.paused_at IS NULL AND NOT EXISTS (SELECT FROM moed.price p WHERE p.model = m.name)
   AND NOT EXISTS (SELECT FROM moed.token_ledger l WHERE l.model_id = m.id);
COMMENT ON COLUMN moed.model.registered_at IS 'When a worker or moed.register_model() announced it; NULL: jobs that name it fail with model_not_found.';
COMMENT ON COLUMN moed.model.created_at IS 'When the row was added.';

ALTER TABLE moed.usage_delta ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
COMMENT ON COLUMN moed.usage_delta.id IS 'Key: logical replication finds deleted rows by it.';

-- A running job's row is not locked: its worker writes the answer there. Nor does this wait for a waiting job's row.
CREATE OR REPLACE FUNCTION moed.cancel(job_id bigint) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  old moed.job_state;
BEGIN
  SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id AND moed.may_touch(j.tenant_id);
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
COMMENT ON FUNCTION moed.cancel(bigint) IS 'Cancels a job. Returns cancelled, requested (it is running, or its row is locked: a worker ends it within seconds of the commit), the final state it had already, or unknown.';

CREATE OR REPLACE FUNCTION moed.redrive(job_id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- A crashed job keeps its quarantine: it may well crash again.
  UPDATE moed.job j
     SET state = 'queued', finished_at = NULL, started_at = NULL, cancel_requested_at = NULL, attempt = 0, run_at = now()
   WHERE j.id = redrive.job_id AND j.state IN ('failed', 'cancelled') AND moed.may_touch(j.tenant_id);
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM moed.job_result r WHERE r.job_id = redrive.job_id;
  DELETE FROM moed.cancel_request r WHERE r.job_id = redrive.job_id;
  PERFORM moed.wake_idle();
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION moed.fold_usage() RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
  WITH due AS MATERIALIZED (
    SELECT d.id, d.tenant_id FROM moed.usage_delta d
  ), free AS MATERIALIZED (
    -- A tenant whose row is locked waits for a later call.
    SELECT u.tenant_id FROM moed.tenant_usage u
     WHERE u.tenant_id IN (SELECT d.tenant_id FROM due d) FOR UPDATE SKIP LOCKED
  ), taken AS (
    DELETE FROM moed.usage_delta d
     WHERE d.id = ANY (ARRAY(
       SELECT u.id FROM moed.usage_delta u
        WHERE u.id = ANY (ARRAY(
          SELECT e.id FROM due e
           WHERE e.tenant_id IN (SELECT f.tenant_id FROM free f)
              OR NOT EXISTS (SELECT FROM moed.tenant_usage t WHERE t.tenant_id = e.tenant_id)))
          FOR UPDATE SKIP LOCKED)) RETURNING d.*
  ), added AS (
    SELECT d.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date AS today, sum(d.jobs) AS jobs,
           coalesce(sum(d.billed_tokens) FILTER (WHERE d.day = (clock_timestamp() AT TIME ZONE 'UTC')::date), 0) AS billed,
           sum(d.served_tokens) AS served
      FROM taken d GROUP BY d.tenant_id
  ), folded AS (
    INSERT INTO moed.tenant_usage AS u (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at)
    SELECT a.tenant_id, a.today, a.billed, a.jobs, a.served, clock_timestamp() FROM added a ORDER BY a.tenant_id
    ON CONFLICT (tenant_id) DO UPDATE
       SET billed_tokens = excluded.billed_tokens + CASE WHEN u.day = excluded.day THEN u.billed_tokens ELSE 0 END,
           served_jobs = excluded.served_jobs + u.served_jobs * moed.decay(excluded.folded_at - u.folded_at),
           served_tokens = excluded.served_tokens + u.served_tokens * moed.decay(excluded.folded_at - u.folded_at),
           day = excluded.day, folded_at = excluded.folded_at
    RETURNING u.tenant_id
  )
  SELECT count(*)::int FROM folded
$$;

CREATE OR REPLACE FUNCTION moed.model_key(model_name text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  -- A longer name can be no registered model: cut, it fails with model_not_found like any other unknown name.
  SELECT CASE WHEN model_name = '' THEN '(empty)'
              WHEN length(model_name) > 255 THEN left(model_name, 255) || '…' ELSE model_name END
$$;
COMMENT ON FUNCTION moed.model_key(text) IS 'Name of a model as it is kept: 1 to 256 characters.';

-- Nothing is written here: an open transaction with a new name would hold up every other one with that name, and the
-- worker that serves it.
CREATE OR REPLACE FUNCTION moed.model_of(model_name text) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN coalesce((SELECT m.id FROM moed.model m
                    WHERE m.name = model_of.model_name AND m.registered_at IS NOT NULL), 0);
END $$;
COMMENT ON FUNCTION moed.model_of(text) IS 'Id of a registered model; 0 for any other name.';

-- A bad value (max_tokens -3, messages of a wrong shape) is stored as it is; that one job ends as failed when a worker
-- reads it. An error here would abort an INSERT ... SELECT of a million rows.
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
  asked_model text := model;
  known_model int := 1;
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
    asked_model := coalesce(model, moed.json_text(params, 'model'));
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
  INSERT INTO moed.job_request (job_id, body) VALUES (new_id, body::json);
  RETURN new_id;
END $$;

CREATE OR REPLACE FUNCTION moed.enqueue_many(
  requests json[], tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.tenant_for(tenant);
BEGIN
  IF EXISTS (SELECT FROM unnest(requests) AS r(body) WHERE r.body IS NULL) THEN
    RAISE EXCEPTION 'a request is NULL' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  RETURN QUERY
  -- PostgreSQL reads no member of an object with an escape that it cannot decode; where there is none at all, reading is
  -- safe, and much faster than the functions that are prepared for it.
  WITH plain AS MATERIALIZED (
    SELECT r.body, r.number, strpos(r.body::text, '\u') = 0 AND json_typeof(r.body) = 'object' AS is_plain
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
           CASE WHEN is_plain THEN m.reasoning_effort #>> '{}' ELSE moed.json_text(p.body, 'reasoning_effort') END AS effort,
           octet_length(coalesce(m.messages, p.body)::text) AS bytes
      FROM plain p CROSS JOIN LATERAL json_to_record(CASE WHEN is_plain THEN p.body ELSE '{}' END)
        AS m(model json, max_completion_tokens json, max_tokens json, chat_template_kwargs json, reasoning_effort json,
             messages json)
  ), shaped AS MATERIALIZED (
    SELECT r.body, r.number, r.model, r.bytes,
           CASE WHEN r.new_tokens ~ '^[0-9.]{1,9}$' THEN r.new_tokens::numeric END AS new_tokens,
           CASE coalesce(CASE WHEN r.variables IS NOT NULL THEN
                  nullif((moed.json_member(r.variables, 'enable_thinking'))::text, 'null') END, r.effort)
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
           greatest(-32767, least(32767, coalesce(enqueue_many.priority, 0))),
           coalesce(enqueue_many.run_at, now()),
           CASE WHEN enqueue_many.run_at > clock_timestamp() THEN 'scheduled' ELSE 'queued' END::moed.job_state,
           greatest(1, least(1000, coalesce(enqueue_many.max_attempts, 5))), enqueue_many.expires_at
      FROM numbered n LEFT JOIN named m ON m.model = n.model
  ), stored AS (
    INSERT INTO moed.job_request (job_id, body) SELECT n.id, n.body FROM numbered n
  )
  SELECT n.id FROM numbered n ORDER BY n.number;
END $$;

-- LEFT JOIN of moed.model: a job whose model no worker has registered has its name in moed.job.
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

CREATE OR REPLACE VIEW moed.queue_stats WITH (security_invoker = true) AS
SELECT coalesce(m.name, j.model_name) AS model, j.mode, j.bucket, j.state, count(*) AS jobs,
  clock_timestamp() - min(greatest(j.created_at, j.run_at)) FILTER (WHERE j.state IN ('queued', 'running')) AS oldest_age
FROM moed.job j LEFT JOIN moed.model m ON m.id = j.model_id
GROUP BY 1, 2, 3, 4;
