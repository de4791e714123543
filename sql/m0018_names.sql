-- No name that a client invents makes another session wait. A transaction that adds a tenant may stay open: others that
-- name the tenant know its id and leave a request.
-- Programs before this one work on: they add no requested tenants.

ALTER TABLE moed.tenant ALTER COLUMN id DROP IDENTITY;
COMMENT ON COLUMN moed.tenant.id IS 'Key; 1 is the tenant "default". Others follow from the name, see moed.tenant_key().';

-- Two open transactions that add one tenant give it one id. Ids of tenants before migration 18 are below 2^30. An id in use
-- is passed over: two names have the same first one in a case out of 2^30.
CREATE FUNCTION moed.tenant_key(tenant_name text) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT k.id FROM (
    SELECT 1073741824 + (hashtextextended(tenant_name, n) & 1073741823)::int AS id, n FROM generate_series(0, 9) AS n) AS k
   WHERE NOT EXISTS (SELECT FROM moed.tenant t WHERE t.id = k.id) ORDER BY k.n LIMIT 1
$$;
COMMENT ON FUNCTION moed.tenant_key(text) IS 'Id of a tenant that is not there yet, from its name.';

-- It runs with its owner's rights: an operator who adds a tenant may not call moed.tenant_key().
CREATE FUNCTION moed.tenant_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  NEW.id := coalesce(NEW.id, moed.tenant_key(NEW.name));
  RETURN NEW;
END $$;
COMMENT ON FUNCTION moed.tenant_number() IS 'Trigger of moed.tenant: gives a new tenant its id.';

CREATE TRIGGER tenant_number BEFORE INSERT ON moed.tenant FOR EACH ROW EXECUTE FUNCTION moed.tenant_number();

-- No unique name: a second request would wait for the first one's transaction.
CREATE TABLE moed.tenant_request (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id int NOT NULL,
  name      text NOT NULL,
  added_by  xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON TABLE moed.tenant_request IS 'New tenants of committed jobs that another open transaction was adding. A worker adds those that are still missing.';
COMMENT ON COLUMN moed.tenant_request.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.tenant_request.tenant_id IS 'Id of the tenant, as its jobs have it.';
COMMENT ON COLUMN moed.tenant_request.name IS 'moed.tenant.name.';
COMMENT ON COLUMN moed.tenant_request.added_by IS 'Transaction that added the request with its jobs: one request each.';

CREATE INDEX tenant_request_name_idx ON moed.tenant_request (name);
CREATE INDEX tenant_request_tenant_idx ON moed.tenant_request (tenant_id);

-- It waits no longer for another transaction that adds the same tenant, and its wait ends before a deadlock is looked for.
CREATE FUNCTION moed.add_tenant(tenant_name text, tenant_id int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp SET lock_timeout = '50ms' AS $$
BEGIN
  INSERT INTO moed.tenant (id, name) VALUES (add_tenant.tenant_id, tenant_name) ON CONFLICT DO NOTHING;
  RETURN (SELECT t.id FROM moed.tenant t WHERE t.name = tenant_name);
EXCEPTION WHEN lock_not_available OR serialization_failure THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.add_tenant(text, int) IS 'Adds a tenant and returns its id. NULL: an open transaction is adding it, or one that the caller cannot see has.';

-- Nobody waits for a name that an open transaction adds. A committed request says that there was one: its transaction may
-- still be open.
CREATE OR REPLACE FUNCTION moed.tenant_of(tenant_name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  found_id int;
BEGIN
  SELECT t.id INTO found_id FROM moed.tenant t WHERE t.name = tenant_name;
  IF found_id IS NOT NULL THEN RETURN found_id; END IF;
  IF length(tenant_name) NOT BETWEEN 1 AND 128 THEN
    RAISE EXCEPTION 'tenant must have 1 to 128 characters' USING ERRCODE = 'string_data_right_truncation';
  END IF;
  SELECT r.tenant_id INTO found_id FROM moed.tenant_request r WHERE r.name = tenant_name LIMIT 1;
  IF found_id IS NULL THEN
    found_id := moed.add_tenant(tenant_name);
    IF found_id IS NOT NULL THEN RETURN found_id; END IF;
    found_id := moed.tenant_key(tenant_name);
  END IF;
  INSERT INTO moed.tenant_request (tenant_id, name)
  SELECT found_id, tenant_name WHERE NOT EXISTS (
    SELECT FROM moed.tenant_request r WHERE r.name = tenant_name AND r.tenant_id = found_id AND r.added_by = pg_current_xact_id());
  RETURN found_id;
END $$;
COMMENT ON FUNCTION moed.tenant_of(text) IS 'Id of a tenant, adding it when it is new.';

-- Jobs of a missing tenant are not claimed, so that no account knows them. A name in use was given to another tenant in a
-- transaction that was open: its jobs are moved there. A few names are tried at a call: each may be waited for.
CREATE FUNCTION moed.add_requested_tenants() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  asked record;
  known int;
  held int := 0;
  settled int := 0;
BEGIN
  FOR asked IN
    SELECT r.name, r.tenant_id, array_agg(r.id) AS ids FROM moed.tenant_request r GROUP BY r.name, r.tenant_id
     ORDER BY random() LIMIT 1000
  LOOP
    SELECT t.id INTO known FROM moed.tenant t WHERE t.name = asked.name;
    IF known IS NULL THEN
      CONTINUE WHEN held = 3;
      known := moed.add_tenant(asked.name, asked.tenant_id);
      IF known IS NULL THEN
        held := held + 1;
        CONTINUE;
      END IF;
    END IF;
    IF known <> asked.tenant_id AND NOT EXISTS (SELECT FROM moed.tenant t WHERE t.id = asked.tenant_id) THEN
      -- Of two jobs with one key, the one that is moved keeps none.
      UPDATE moed.job j SET tenant_id = known, idempotency_key = CASE WHEN NOT EXISTS (
          SELECT FROM moed.job o WHERE o.tenant_id = known AND o.idempotency_key = j.idempotency_key) THEN j.idempotency_key END
       WHERE j.tenant_id = asked.tenant_id;
      UPDATE moed.batch b SET tenant_id = known WHERE b.tenant_id = asked.tenant_id;
    END IF;
    DELETE FROM moed.tenant_request r WHERE r.id IN (
      SELECT q.id FROM moed.tenant_request q WHERE q.id = ANY (asked.ids) FOR UPDATE SKIP LOCKED);
    settled := settled + 1;
  END LOOP;
  IF settled > 0 THEN PERFORM moed.wake_idle(); END IF;
  RETURN settled;
END $$;
COMMENT ON FUNCTION moed.add_requested_tenants() IS 'Adds tenants of moed.tenant_request that are missing. Returns how many names it has settled. Workers call it.';

CREATE OR REPLACE FUNCTION moed.cancel_batch(
  batch uuid, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
BEGIN
  -- Who holds the row is cancelling it.
  UPDATE moed.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp())
   WHERE b.id = (SELECT c.id FROM moed.batch c WHERE c.id = cancel_batch.batch AND moed.may_touch(c.tenant_id, role)
                    FOR NO KEY UPDATE SKIP LOCKED);
  IF NOT FOUND AND NOT EXISTS (
    SELECT FROM moed.batch b WHERE b.id = cancel_batch.batch AND moed.may_touch(b.tenant_id, role)) THEN
    RAISE EXCEPTION 'there is no batch %', cancel_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  RETURN moed.cancel_these(ARRAY(
    SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = cancel_batch.batch AND l.job_id IS NOT NULL));
END $$;

CREATE OR REPLACE FUNCTION moed.place_in_queue(job_id bigint) RETURNS text
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
   WHERE q.state = 'queued' AND q.model_id = j.model_id AND q.mode = j.mode AND q.bucket = j.bucket AND q.tenant_id = j.tenant_id
     AND (-q.priority, q.id) < (-j.priority, j.id);
  class := format('%s, at most %s tokens', CASE j.mode WHEN 'thinking' THEN 'thinking' ELSE 'non-thinking' END, 1 << j.bucket);
  IF ahead = 0 AND EXISTS (
    SELECT FROM moed.worker w WHERE w.idle AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
                                AND j.model_id = ANY (w.models)) THEN
    RETURN format('It is the next of its tenant and job class (%s): a worker with room claims it within seconds.', class);
  END IF;
  RETURN format('It is number %s of its tenant''s waiting jobs of its job class (%s): the workers are busy.', ahead + 1, class);
END $$;

CREATE OR REPLACE VIEW moed.jobs WITH (security_invoker = true) AS
SELECT
  j.id, j.state,
  moed.last_message(q.body, 'user') AS prompt,
  r.content, r.reasoning, coalesce(l.mode, j.mode)::text AS mode, r.finish_reason,
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
  o.model || ' (' || o.formats || ') ' || o.digest AS computed_by
FROM moed.job j
LEFT JOIN moed.tenant t ON t.id = j.tenant_id
LEFT JOIN moed.model m ON m.id = j.model_id
LEFT JOIN moed.job_request q ON q.job_id = j.id
LEFT JOIN moed.job_result r ON r.job_id = j.id
LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final'
LEFT JOIN moed.origin o ON o.id = r.origin_id;

CREATE OR REPLACE VIEW moed.batches WITH (security_invoker = true) AS
SELECT b.id, b.name, coalesce(t.name, (SELECT min(n.name) FROM moed.tenant_request n WHERE n.tenant_id = b.tenant_id)) AS tenant,
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
LEFT JOIN moed.tenant t ON t.id = b.tenant_id
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
    count(*) FILTER (WHERE g.truncated) AS truncated, count(*) FILTER (WHERE g.empty) AS empty
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
  WHERE l.batch_id = b.id) c;

CREATE OR REPLACE VIEW moed.progress WITH (security_invoker = true) AS
SELECT p.tenant, p.model, p.batch, b.name AS batch_name, p.waiting, p.running, p.done, p.failed, p.cancelled,
  round(p.recent / least(10, greatest(p.minutes, 0.1)), 2) AS jobs_per_minute,
  CASE WHEN p.waiting + p.running = 0 THEN interval '0'
       WHEN p.recent > 0 THEN
         make_interval(secs => least(1e9, ((p.waiting + p.running) * least(10, greatest(p.minutes, 0.1)) * 60 / p.recent))::float8)
  END AS time_left
FROM (
  SELECT coalesce(t.name, (SELECT min(n.name) FROM moed.tenant_request n WHERE n.tenant_id = j.tenant_id)) AS tenant, coalesce(m.name, j.model_name) AS model, l.batch_id AS batch,
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
  LEFT JOIN moed.tenant t ON t.id = j.tenant_id
  LEFT JOIN moed.model m ON m.id = j.model_id
  LEFT JOIN moed.batch_line l ON l.job_id = j.id
  GROUP BY 1, 2, 3) AS p
LEFT JOIN moed.batch b ON b.id = p.batch;

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
  IF j.state = 'scheduled' AND j.run_at > clock_timestamp() THEN
    reasons := CASE WHEN j.attempt > 0 THEN
        format('attempt %s failed (%s) and it is tried again at %s', j.attempt, coalesce(j.last_error, 'no error was kept'),
               moed.utc(j.run_at))
      ELSE format('it is scheduled for %s', moed.utc(j.run_at)) END || reasons;
  END IF;
  IF cardinality(reasons) > 0 THEN RETURN format('It waits: %s.', array_to_string(reasons, '; ')); END IF;
  RETURN moed.place_in_queue(why.job_id);
END $$;

-- By tenant: one tenant's due jobs, which a transaction may lock, do not come before another's.
DROP INDEX moed.job_promote_idx;
CREATE INDEX job_promote_idx ON moed.job (tenant_id, run_at) WHERE state = 'scheduled';
DROP INDEX moed.job_expire_idx;
CREATE INDEX job_expire_idx ON moed.job (tenant_id, expires_at) WHERE expires_at IS NOT NULL AND finished_at IS NULL;

-- Tenants may be very many: those with a budget or a pause are looked at every few seconds.
CREATE INDEX tenant_budget_idx ON moed.tenant (id) WHERE tokens_per_day IS NOT NULL;
CREATE INDEX tenant_paused_idx ON moed.tenant (id) WHERE paused_at IS NOT NULL;
