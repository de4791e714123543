-- Money of tenants and batches that several workers spend at once; reasons for jobs that may not leave the house. An archive
-- of ended jobs by month.

-- Its rows are locked for the time of one statement of a worker. Clients have no right to change one, so none of them can
-- hold a lock.
CREATE TABLE moed.batch_budget (
  batch_id  uuid PRIMARY KEY REFERENCES moed.batch ON DELETE CASCADE,
  money_max numeric NOT NULL CHECK (money_max > 0 AND money_max < 'Infinity'),
  spent     numeric NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE moed.batch_budget IS 'Price ceilings of batches. A batch without a row has none.';
COMMENT ON COLUMN moed.batch_budget.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_budget.money_max IS 'Most that the batch''s requests to endpoints outside of the house may cost together. A request that could exceed it is not sent.';
COMMENT ON COLUMN moed.batch_budget.spent IS 'Money at endpoints, reserves of open requests included.';

-- A worker finds the batch of a job before a request of it leaves the house.
CREATE INDEX batch_line_job_idx ON moed.batch_line (job_id) WHERE job_id IS NOT NULL;

ALTER TABLE moed.worker ADD COLUMN is_house boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN moed.worker.is_house IS 'True when it runs jobs of tenants that may not leave the house: it has an engine of its own, or an endpoint in the house.';
ALTER TABLE moed.endpoint_state ADD COLUMN trusted text[], ADD COLUMN is_outside boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN moed.endpoint_state.trusted IS 'Tenants whose jobs it may run; NULL: all that may leave the house.';
COMMENT ON COLUMN moed.endpoint_state.is_outside IS 'True when it is outside of the house.';

DROP FUNCTION moed.new_batch(text, text, interval, text, moed.acting_role);
DROP FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, boolean, moed.acting_role);
DROP FUNCTION moed.begin_import(text, text, text, numeric, timestamptz, interval, text, text, moed.acting_role);

CREATE FUNCTION moed.budgeted_batch(job_id bigint) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT b.batch_id FROM moed.batch_line l JOIN moed.batch_budget b ON b.batch_id = l.batch_id
   WHERE l.job_id = budgeted_batch.job_id LIMIT 1
$$;
COMMENT ON FUNCTION moed.budgeted_batch(bigint) IS 'Batch of a job, if it has a price ceiling.';

CREATE FUNCTION moed.batch_money_left(batch uuid) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  PERFORM FROM moed.batch_budget b WHERE b.batch_id = batch FOR UPDATE;
  RETURN (SELECT b.money_max - b.spent FROM moed.batch_budget b WHERE b.batch_id = batch);
END $$;
COMMENT ON FUNCTION moed.batch_money_left(uuid) IS 'Money that a batch may still spend at endpoints; NULL is no limit. It locks the batch''s row of moed.batch_budget until the end of the transaction: other workers wait.';

CREATE FUNCTION moed.may_spend(job_id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT EXISTS (SELECT FROM moed.batch_line l JOIN moed.batch_budget b ON b.batch_id = l.batch_id
                      WHERE l.job_id = may_spend.job_id AND b.spent >= b.money_max)
$$;
COMMENT ON FUNCTION moed.may_spend(bigint) IS 'False when the price ceiling of a job''s batch is used up.';

CREATE FUNCTION moed.money_left(tenant int) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
  PERFORM FROM moed.tenant t WHERE t.id = tenant AND t.money_per_day IS NOT NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  -- One worker at a time takes money. Each later statement of this function sees what the worker before has written.
  PERFORM FROM moed.tenant_usage u WHERE u.tenant_id = tenant FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO moed.tenant_usage (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at)
    VALUES (tenant, today, 0, 0, 0, clock_timestamp()) ON CONFLICT DO NOTHING;
    PERFORM FROM moed.tenant_usage u WHERE u.tenant_id = tenant FOR UPDATE;
  END IF;
  RETURN (SELECT t.money_per_day - t.spent_today FROM moed.tenants t WHERE t.id = tenant) - coalesce(
    (SELECT sum(d.spent) FROM moed.usage_delta d WHERE d.tenant_id = tenant AND d.day = today), 0);
END $$;
COMMENT ON FUNCTION moed.money_left(int) IS 'Money that a tenant may still spend at endpoints today; NULL is no limit. It locks the tenant''s row of moed.tenant_usage until the end of the transaction: other workers wait.';

CREATE FUNCTION moed.new_batch(
  name text, tenant text, completion_window interval, reasoning text, money_max numeric, caller moed.acting_role)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_id uuid;
BEGIN
  IF coalesce(length(name), 0) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'name must have 1 to 512 characters, not %', coalesce(length(name), 0)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF reasoning NOT IN ('thinking', 'non_thinking') THEN
    RAISE EXCEPTION 'reasoning must be thinking or non_thinking, not "%"', reasoning USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF money_max <= 0 OR money_max >= 'Infinity' THEN
    RAISE EXCEPTION 'money_max must be a number above 0, not %', money_max USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.batch (name, tenant_id, expires_at)
  VALUES (new_batch.name, moed.tenant_for(tenant, moed.role_of(caller)), now() + completion_window)
  RETURNING id INTO new_id;
  INSERT INTO moed.batch_budget (batch_id, money_max) SELECT new_id, new_batch.money_max WHERE new_batch.money_max IS NOT NULL;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.new_batch(text, text, interval, text, numeric, moed.acting_role) IS 'Adds a batch without lines. Part of moed.import_batch() and moed.begin_import().';

CREATE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  notify boolean DEFAULT NULL, money_max numeric DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_batch uuid := moed.new_batch(name, tenant, completion_window, reasoning, money_max, caller);
  added record;
BEGIN
  UPDATE moed.batch b SET notifies = true WHERE b.id = new_batch AND notify;
  SELECT * INTO added FROM moed.add_lines(
    new_batch, lines, 0, tenant, priority, run_at, now() + completion_window, reasoning, model, caller);
  IF coalesce(added.imported, 0) = 0 THEN
    RAISE EXCEPTION 'the batch has no lines' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give one JSON object per line: {"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.';
  END IF;
  RETURN new_batch;
END $$;
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, boolean, numeric, moed.acting_role) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line at fault becomes an error of the batch; the others run. A job that has not ended within completion_window ends as expired. reasoning and model hold for lines that choose none. notify: NOTIFY moed_done with the batch''s id when all its jobs have ended. money_max: most that its requests to endpoints outside of the house may cost together; what would exceed it waits for an engine in the house. Leave caller out.';

CREATE FUNCTION moed.begin_import(
  name text, import_key text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  money_max numeric DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user),
  OUT batch uuid, OUT next_part int, OUT is_open boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.tenant_for(tenant, moed.role_of(caller));
BEGIN
  SELECT b.id, b.sealed_at IS NULL, i.next_part INTO batch, is_open, next_part
    FROM moed.batch b LEFT JOIN moed.batch_import i ON i.batch_id = b.id
   WHERE b.tenant_id = owner_id AND b.import_key = begin_import.import_key;
  IF FOUND THEN RETURN; END IF;
  batch := moed.new_batch(name, tenant, completion_window, reasoning, money_max, caller);
  UPDATE moed.batch b SET sealed_at = NULL, import_key = begin_import.import_key WHERE b.id = begin_import.batch;
  INSERT INTO moed.batch_import (batch_id, tenant, priority, run_at, reasoning, model)
  VALUES (batch, begin_import.tenant, begin_import.priority, begin_import.run_at, begin_import.reasoning, begin_import.model);
  is_open := true;
  next_part := 0;
END $$;
COMMENT ON FUNCTION moed.begin_import(text, text, text, numeric, timestamptz, interval, text, text, numeric, moed.acting_role) IS 'Begins a batch whose lines moed.import_part() adds, or finds the one that the tenant began with this import_key. Returns the batch, the number of the part that comes next, and whether parts may still be added. money_max is that of moed.import_batch(). Leave caller out.';

CREATE FUNCTION moed.leaves_house(model_id int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT bool_or(w.is_house) FROM moed.worker w
   WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND leaves_house.model_id = ANY (w.models)
$$;
COMMENT ON FUNCTION moed.leaves_house(int) IS 'True when all live workers of a model send its jobs to endpoints outside of the house; NULL when there is no worker.';

CREATE FUNCTION moed.stays_because(tenant_id int, model_id int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT CASE
    WHEN t.remote_allowed IS false THEN format('remote_allowed of tenant "%s" is false', t.name)
    WHEN t.spent_today >= t.money_per_day THEN
      format('tenant "%s" has spent %s of its %s of today at endpoints', t.name, trim_scale(t.spent_today),
             trim_scale(t.money_per_day))
    WHEN e.endpoints > 0 AND e.trusting = 0 THEN format('no endpoint names tenant "%s" in its trust', t.name) END
    FROM moed.tenants t CROSS JOIN LATERAL (
      SELECT count(*) AS endpoints, count(*) FILTER (WHERE s.trusted IS NULL OR t.name = ANY (s.trusted)) AS trusting
        FROM moed.endpoint_state s JOIN moed.worker w ON w.id = s.worker_id
       WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND stays_because.model_id = ANY (w.models)) e
   WHERE t.id = stays_because.tenant_id
$$;
COMMENT ON FUNCTION moed.stays_because(int, int) IS 'Reason why jobs of a tenant may not leave the house; NULL: they may.';

CREATE OR REPLACE FUNCTION moed.hindrances(tenant_id int, model_id int, model_name text) RETURNS text[]
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
        WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND m.id = ANY (w.models))
    UNION ALL
    SELECT 8, format('all live workers of model "%s" send jobs out of the house, and %s', m.name,
                     moed.stays_because(hindrances.tenant_id, m.id))
      FROM moed.model m
     WHERE m.id = hindrances.model_id AND moed.leaves_house(m.id)
       AND moed.stays_because(hindrances.tenant_id, m.id) IS NOT NULL) AS h
$$;
COMMENT ON FUNCTION moed.hindrances(int, int, text) IS 'Reasons why no job of a tenant and model starts now: pauses, budget, max_running, no worker. NULL is none.';

CREATE OR REPLACE FUNCTION moed.why(job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
  -- A tenant learns of its own jobs only: not of workers' hosts, nor of what others have queued.
  is_guest boolean := moed.is_confined(role) AND NOT moed.is_reader(role);
  j record;
  reasons text[];
BEGIN
  SELECT q.*,
         (SELECT min(r.name) FROM moed.tenant_request r WHERE r.tenant_id = q.tenant_id AND t.id IS NULL) AS new_tenant,
         CASE WHEN is_guest OR w.id IS NULL THEN 'a worker' ELSE 'worker ' || w.host || '/' || w.pid END AS holder,
         w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AS holder_lives,
         coalesce((SELECT min(c.requested_at) FROM moed.cancel_request c WHERE c.job_id = q.id), q.cancel_requested_at)
           AS cancel_asked_at,
         (SELECT r.error_code || ': ' || r.error_message FROM moed.job_result r WHERE r.job_id = q.id) AS error,
         (SELECT a.error_code || ': ' || a.error_message FROM moed.job_attempt a
           WHERE a.job_id = q.id AND a.lease_token = q.lease_token) AS last_error
    INTO j
    FROM moed.job q LEFT JOIN moed.tenant t ON t.id = q.tenant_id LEFT JOIN moed.worker w ON w.id = q.leased_by
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
  IF j.new_tenant IS NOT NULL THEN
    RETURN format('It waits: a transaction that adds its tenant "%s" is open.', j.new_tenant);
  END IF;
  reasons := moed.hindrances(j.tenant_id, j.model_id, j.model_name);
  IF moed.leaves_house(j.model_id) AND NOT moed.may_spend(j.id) THEN
    reasons := reasons || format('all live workers of model "%s" send jobs out of the house, and its batch has spent its money_max',
      (SELECT m.name FROM moed.model m WHERE m.id = j.model_id));
  END IF;
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

-- moed.archive_jobs() adds a partition for each month, moed.archive_2026_11 and so on. An old one is dropped or detached whole.
CREATE TABLE moed.archive (
  id            bigint NOT NULL,
  finished_at   timestamptz NOT NULL,
  state         text NOT NULL,
  tenant        text NOT NULL,
  tenant_id     int NOT NULL,
  model         text,
  mode          text NOT NULL,
  created_at    timestamptz NOT NULL,
  started_at    timestamptz,
  content       text,
  reasoning     text,
  finish_reason text,
  error         text,
  warning       text,
  metadata      json,
  request       json,
  response      json,
  prompt_tokens bigint,
  completion_tokens bigint,
  total_tokens  bigint,
  batch_id      uuid,
  custom_id     text,
  PRIMARY KEY (finished_at, id)
) PARTITION BY RANGE (finished_at);
COMMENT ON TABLE moed.archive IS 'Ended jobs that moed.archive_jobs() moved here, one partition a month (UTC).';
COMMENT ON COLUMN moed.archive.id IS 'Job number.';
COMMENT ON COLUMN moed.archive.finished_at IS 'When it reached its final state.';
COMMENT ON COLUMN moed.archive.state IS 'succeeded, failed or cancelled.';
COMMENT ON COLUMN moed.archive.tenant IS 'Owner.';
COMMENT ON COLUMN moed.archive.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.archive.model IS 'Model that it asked for.';
COMMENT ON COLUMN moed.archive.mode IS 'Mode that it ran in.';
COMMENT ON COLUMN moed.archive.created_at IS 'Start of the enqueueing transaction.';
COMMENT ON COLUMN moed.archive.started_at IS 'When its last attempt was claimed.';
COMMENT ON COLUMN moed.archive.content IS 'Answer of the first choice.';
COMMENT ON COLUMN moed.archive.reasoning IS 'Thinking of the first choice.';
COMMENT ON COLUMN moed.archive.finish_reason IS 'End of the answer: stop, tool_calls, length or content_filter; NULL for a failure.';
COMMENT ON COLUMN moed.archive.error IS 'Error of a failed job.';
COMMENT ON COLUMN moed.archive.warning IS 'Remarks on the job.';
COMMENT ON COLUMN moed.archive.metadata IS 'metadata of the request.';
COMMENT ON COLUMN moed.archive.request IS 'Request body, byte for byte.';
COMMENT ON COLUMN moed.archive.response IS 'Response in OpenAI''s form.';
COMMENT ON COLUMN moed.archive.prompt_tokens IS 'Prompt tokens.';
COMMENT ON COLUMN moed.archive.completion_tokens IS 'Tokens of all choices.';
COMMENT ON COLUMN moed.archive.total_tokens IS 'Sum of both.';
COMMENT ON COLUMN moed.archive.batch_id IS 'moed.batch.id; NULL without a batch. The batch may have been pruned.';
COMMENT ON COLUMN moed.archive.custom_id IS 'Name of its line in the batch.';

CREATE INDEX archive_id_idx ON moed.archive (id);

CREATE FUNCTION moed.archive_month(month date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  name text := format('archive_%s', to_char(month, 'YYYY_MM'));
  starts timestamptz := month::timestamp AT TIME ZONE 'UTC';
BEGIN
  IF to_regclass('moed.' || name) IS NOT NULL THEN RETURN; END IF;
  -- Attaching leaves readers of the archive alone; PARTITION OF would wait for them, and others for it.
  EXECUTE format('CREATE TABLE moed.%I (LIKE moed.archive INCLUDING DEFAULTS INCLUDING CONSTRAINTS, CHECK (finished_at >= %L AND finished_at < %L))',
                 name, starts, (month + interval '1 month') AT TIME ZONE 'UTC');
  EXECUTE format('ALTER TABLE moed.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE moed.archive ATTACH PARTITION moed.%I FOR VALUES FROM (%L) TO (%L)',
                 name, starts, (month + interval '1 month') AT TIME ZONE 'UTC');
END $$;
COMMENT ON FUNCTION moed.archive_month(date) IS 'Adds the partition of a month, whose first day it takes, to moed.archive. Part of moed.archive_jobs().';

CREATE FUNCTION moed.archive_jobs(older_than interval, max_jobs int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  ids bigint[];
  month date;
BEGIN
  IF older_than IS NULL OR older_than < interval '0' THEN
    RAISE EXCEPTION 'older_than must be a length of time, not %', coalesce(older_than::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  ids := ARRAY(SELECT e.id FROM (
    SELECT j.id FROM moed.job j WHERE j.finished_at < clock_timestamp() - older_than
     ORDER BY j.finished_at LIMIT max_jobs FOR UPDATE SKIP LOCKED) e);
  FOR month IN SELECT DISTINCT date_trunc('month', j.finished_at AT TIME ZONE 'UTC')::date FROM moed.job j WHERE j.id = ANY (ids)
  LOOP
    PERFORM moed.archive_month(month);
  END LOOP;
  INSERT INTO moed.archive (id, finished_at, state, tenant, tenant_id, model, mode, created_at, started_at, content, reasoning,
    finish_reason, error, warning, metadata, request, response, prompt_tokens, completion_tokens, total_tokens, batch_id, custom_id)
  SELECT v.id, v.finished_at, v.state::text, v.tenant, j.tenant_id, v.model, v.mode, v.created_at, v.started_at, v.content,
         v.reasoning, v.finish_reason, v.error, v.warning, v.metadata, v.request, v.response, v.prompt_tokens,
         v.completion_tokens, v.total_tokens, l.batch_id, l.custom_id
    FROM moed.jobs v JOIN moed.job j ON j.id = v.id
    LEFT JOIN LATERAL (SELECT b.batch_id, b.custom_id FROM moed.batch_line b WHERE b.job_id = v.id LIMIT 1) l ON true
   WHERE v.id = ANY (ids);
  DELETE FROM moed.job j WHERE j.id = ANY (ids);
  RETURN cardinality(ids);
END $$;
COMMENT ON FUNCTION moed.archive_jobs(interval, int) IS 'Moves up to max_jobs jobs that ended longer ago to moed.archive, the oldest first, with request and result; the token account stays. Returns how many. Call it until it returns 0. It is moed.prune() with a copy, so archive before queue.retention deletes.';
