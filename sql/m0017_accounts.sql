-- Accounts, prices and answers name what ran: mode, model, weights and formats. Tokens that were computed for nothing are booked
-- as wasted. Programs before this one work on: their ledger rows have what was asked for.

-- Workers add rows when they register. No client may write here.
CREATE TABLE moed.origin (
  id         int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest     text NOT NULL,
  model      text NOT NULL,
  formats    text NOT NULL,
  details    json NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (digest, model)
);
COMMENT ON TABLE moed.origin IS 'Models as loaded, one row each, that computed answers. Equal digests give equal tokens to equal requests.';
COMMENT ON COLUMN moed.origin.id IS 'Key; origin_id of moed.job_result and moed.token_ledger points here.';
COMMENT ON COLUMN moed.origin.digest IS 'Digest of weights, formats, tokenizer, template, format of keys and values, and defaults of requests. Names and places do not count.';
COMMENT ON COLUMN moed.origin.model IS 'Name under which the worker served it.';
COMMENT ON COLUMN moed.origin.formats IS 'Formats of experts, of other weights, and of keys and values.';
COMMENT ON COLUMN moed.origin.details IS 'Parts of the digest: digests of the weights and of each small file, formats, defaults of requests.';
COMMENT ON COLUMN moed.origin.first_seen IS 'When the first worker with it registered.';

ALTER TABLE moed.job_result ADD COLUMN origin_id int;
ALTER TABLE moed.token_ledger ADD COLUMN asked_model_id int, ADD COLUMN asked_mode moed.reasoning_mode, ADD COLUMN origin_id int;
ALTER TABLE moed.job_checkpoint ADD COLUMN mode moed.reasoning_mode;
COMMENT ON COLUMN moed.job_result.origin_id IS 'moed.origin.id of what computed the answer; NULL: a failure, or of a daemon before migration 17.';
COMMENT ON COLUMN moed.token_ledger.model_id IS 'moed.model.id of the model that ran.';
COMMENT ON COLUMN moed.token_ledger.mode IS 'Mode that ran: thinking or non_thinking.';
COMMENT ON COLUMN moed.token_ledger.truncated IS 'True when max_tokens or the end of the context ended an answer.';
COMMENT ON COLUMN moed.token_ledger.empty IS 'True when an answer has no text.';
COMMENT ON COLUMN moed.token_ledger.asked_model_id IS 'moed.model.id asked for; NULL: of a daemon before migration 17, and model_id and mode are those asked for.';
COMMENT ON COLUMN moed.token_ledger.asked_mode IS 'Mode asked for, as moed.job.mode.';
COMMENT ON COLUMN moed.token_ledger.origin_id IS 'moed.origin.id of what computed the tokens; NULL: not known.';
COMMENT ON COLUMN moed.job_checkpoint.computed_by IS 'moed.origin.digest of the worker: only an equal one goes on from here, any other begins anew.';
COMMENT ON COLUMN moed.job_checkpoint.mode IS 'Mode in which the job ran; NULL: of a daemon before migration 17.';
COMMENT ON COLUMN moed.job.mode IS 'thinking or non_thinking, as asked for or guessed from the request: part of the job class. What ran is in moed.token_ledger.';
COMMENT ON COLUMN moed.price.model IS 'moed.model.name of the model that runs, as workers serve it.';

-- How the tokens divide is not known: they are thinking tokens of a thinking job, answer tokens of another.
CREATE FUNCTION moed.waste_checkpoints(jobs bigint[]) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  WITH gone AS (
    DELETE FROM moed.job_checkpoint k WHERE k.job_id = ANY (jobs)
    RETURNING k.job_id, k.lease_token, k.mode, k.computed_by, cardinality(k.token_ids) AS tokens
  ), attempt AS (
    SELECT g.job_id, g.lease_token, max(g.mode) AS mode, max(g.computed_by) AS computed_by, sum(g.tokens)::int AS tokens
      FROM gone g GROUP BY g.job_id, g.lease_token
  ), booked AS (
    -- An attempt that ended with an account of its own has counted them.
    INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens, cached_tokens,
      thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms, asked_model_id, asked_mode, origin_id)
    SELECT a.job_id, a.lease_token, 'wasted', j.tenant_id, coalesce(m.id, j.model_id), r.mode, 0, 0,
           CASE r.mode WHEN 'thinking' THEN a.tokens ELSE 0 END, 0, CASE r.mode WHEN 'thinking' THEN 0 ELSE a.tokens END,
           0, 0, j.model_id, j.mode, o.id
      FROM attempt a
      JOIN moed.job j ON j.id = a.job_id
      CROSS JOIN LATERAL (SELECT coalesce(a.mode, j.mode) AS mode) r
      LEFT JOIN LATERAL (SELECT p.id, p.model FROM moed.origin p WHERE p.digest = a.computed_by ORDER BY p.id LIMIT 1) o ON true
      LEFT JOIN moed.model m ON m.name = o.model
    ON CONFLICT DO NOTHING
  )
  SELECT count(*)::int FROM gone
$$;
COMMENT ON FUNCTION moed.waste_checkpoints(bigint[]) IS 'Deletes checkpoints of jobs that end without an answer, and books their tokens as wasted. Returns the number of pieces.';

CREATE OR REPLACE FUNCTION moed.cancel(
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
      PERFORM moed.waste_checkpoints(ARRAY[cancel.job_id]);
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
CREATE OR REPLACE FUNCTION moed.cancel_these(jobs bigint[]) RETURNS int
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
  PERFORM moed.waste_checkpoints(ARRAY(
    SELECT DISTINCT k.job_id FROM moed.job_checkpoint k JOIN moed.job j ON j.id = k.job_id
     WHERE k.job_id = ANY (jobs) AND j.state = 'cancelled'));
  IF stopped < cardinality(jobs) THEN
    INSERT INTO moed.cancel_request (job_id)
    SELECT j.id FROM moed.job j
     WHERE j.id = ANY (jobs) AND j.finished_at IS NULL
       AND NOT EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id);
    GET DIAGNOSTICS asked = ROW_COUNT;
  END IF;
  RETURN stopped + asked;
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
  j.expires_at,
  o.model || ' (' || o.formats || ') ' || o.digest AS computed_by
FROM moed.job j
JOIN moed.tenant t ON t.id = j.tenant_id
LEFT JOIN moed.model m ON m.id = j.model_id
LEFT JOIN moed.job_request q ON q.job_id = j.id
LEFT JOIN moed.job_result r ON r.job_id = j.id
LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final'
LEFT JOIN moed.origin o ON o.id = r.origin_id;
COMMENT ON COLUMN moed.jobs.mode IS 'thinking or non_thinking. Of a succeeded job: the mode that ran. Of others: the one asked for, or guessed from the request.';
COMMENT ON COLUMN moed.jobs.computed_by IS 'Model that answered, its formats, and the digest of what its tokens depend on; see moed.origin.';

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
    count(*) FILTER (WHERE g.truncated) AS truncated, count(*) FILTER (WHERE g.empty) AS empty
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
  WHERE l.batch_id = b.id) c;
COMMENT ON COLUMN moed.batches.truncated IS 'Jobs that succeeded with an answer that max_tokens or the end of the context ended, pruned ones included.';
COMMENT ON COLUMN moed.batches.empty IS 'Jobs that succeeded with an empty answer, pruned ones included.';

COMMENT ON COLUMN moed.usage_daily.model IS 'Model that ran. Ledger rows of daemons before migration 17 have the one asked for.';
COMMENT ON COLUMN moed.usage_daily.mode IS 'Mode that ran: thinking or non_thinking.';
COMMENT ON COLUMN moed.cost_daily.model IS 'Model that ran; its price holds.';
COMMENT ON COLUMN moed.cost_daily.mode IS 'Mode that ran: thinking or non_thinking.';
COMMENT ON COLUMN moed.cost_daily.jobs_without_price IS 'Jobs among them whose model had no price: not in cost.';
