-- Answers of endpoints with api: chat, and what tenants may spend there. Their counts are the endpoint's word: what it does not tell is NULL in the ledger, and no
-- sum guesses it. Programs before this one work on.

ALTER TABLE moed.token_ledger
  ALTER COLUMN prompt_tokens DROP NOT NULL, ALTER COLUMN cached_tokens DROP NOT NULL,
  ALTER COLUMN thinking_tokens DROP NOT NULL, ALTER COLUMN injected_tokens DROP NOT NULL,
  ALTER COLUMN answer_tokens DROP NOT NULL,
  ALTER COLUMN completion_tokens DROP NOT NULL, ALTER COLUMN total_tokens DROP NOT NULL,
  ADD COLUMN source text NOT NULL DEFAULT 'counted' CHECK (source IN ('counted', 'usage')),
  ADD COLUMN told_completion_tokens int CHECK (told_completion_tokens >= 0),
  ADD CONSTRAINT counted_is_complete CHECK (source = 'usage' OR told_completion_tokens IS NULL
    AND num_nulls(prompt_tokens, cached_tokens, thinking_tokens, injected_tokens, answer_tokens) = 0);
COMMENT ON COLUMN moed.token_ledger.source IS 'counted: from token ids, exact. usage: the word of an endpoint with api: chat; what it did not tell is NULL.';
COMMENT ON COLUMN moed.token_ledger.told_completion_tokens IS 'Completion tokens that such an endpoint told; NULL: none told, or counted.';

CREATE OR REPLACE FUNCTION moed.note_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens)
  SELECT n.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, count(*),
         coalesce(sum(c.tokens) FILTER (WHERE n.kind = 'final'), 0), sum(c.tokens)
    FROM new_rows n CROSS JOIN LATERAL (
      SELECT coalesce(n.total_tokens, coalesce(n.prompt_tokens, 0) + coalesce(n.told_completion_tokens, 0)) AS tokens) c
    GROUP BY n.tenant_id;
  RETURN NULL;
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
    coalesce(sum(coalesce(g.completion_tokens, g.told_completion_tokens)), 0) AS completion_tokens,
    coalesce(sum(coalesce(g.total_tokens, g.prompt_tokens + g.told_completion_tokens)), 0) AS total_tokens,
    max(j.finished_at) AS last_end,
    count(*) FILTER (WHERE g.truncated) AS truncated, count(*) FILTER (WHERE g.empty) AS empty
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
  WHERE l.batch_id = b.id) c;

CREATE OR REPLACE VIEW moed.usage_daily WITH (security_invoker = true) AS
SELECT
  (l.created_at AT TIME ZONE 'UTC')::date AS day, t.name AS tenant, m.name AS model, l.mode,
  count(*) FILTER (WHERE l.kind = 'final') AS jobs,
  coalesce(sum(l.prompt_tokens) FILTER (WHERE l.kind = 'final'), 0) AS prompt_tokens,
  coalesce(sum(l.cached_tokens) FILTER (WHERE l.kind = 'final'), 0) AS cached_tokens,
  coalesce(sum(l.thinking_tokens) FILTER (WHERE l.kind = 'final'), 0) AS thinking_tokens,
  coalesce(sum(l.injected_tokens) FILTER (WHERE l.kind = 'final'), 0) AS injected_tokens,
  coalesce(sum(l.answer_tokens) FILTER (WHERE l.kind = 'final'), 0) AS answer_tokens,
  coalesce(sum(coalesce(l.completion_tokens, l.told_completion_tokens)) FILTER (WHERE l.kind = 'final'), 0) AS completion_tokens,
  coalesce(sum(coalesce(l.total_tokens, l.prompt_tokens + l.told_completion_tokens)) FILTER (WHERE l.kind = 'final'), 0) AS total_tokens,
  coalesce(sum(l.recomputed_tokens), 0) AS recomputed_tokens,
  count(*) FILTER (WHERE l.kind = 'wasted') AS wasted_attempts,
  coalesce(sum(l.total_tokens) FILTER (WHERE l.kind = 'wasted'), 0) AS wasted_tokens,
  count(*) FILTER (WHERE l.truncated) AS truncated,
  count(*) FILTER (WHERE l.empty) AS empty
FROM moed.token_ledger l
JOIN moed.tenant t ON t.id = l.tenant_id
JOIN moed.model m ON m.id = l.model_id
GROUP BY 1, 2, 3, 4;

CREATE OR REPLACE VIEW moed.cost_daily WITH (security_invoker = true) AS
SELECT (l.created_at AT TIME ZONE 'UTC')::date AS day, t.name AS tenant, m.name AS model, l.mode, count(*) AS jobs,
  sum((l.prompt_tokens - coalesce(l.cached_tokens, 0)) * p.prompt + coalesce(l.cached_tokens, 0) * p.cached
      + coalesce(l.completion_tokens, l.told_completion_tokens) * p.completion) / 1000000 AS cost,
  count(*) FILTER (WHERE p.model IS NULL OR l.prompt_tokens IS NULL
                      OR coalesce(l.completion_tokens, l.told_completion_tokens) IS NULL) AS jobs_without_price
FROM moed.token_ledger l
JOIN moed.tenant t ON t.id = l.tenant_id
JOIN moed.model m ON m.id = l.model_id
LEFT JOIN LATERAL (
  SELECT p.* FROM moed.price p WHERE p.model = m.name AND p.valid_from <= l.created_at
   ORDER BY p.valid_from DESC LIMIT 1) p ON true
WHERE l.kind = 'final'
GROUP BY 1, 2, 3, 4;

COMMENT ON COLUMN moed.cost_daily.jobs_without_price IS 'Jobs among them whose model had no price, or whose counts an endpoint did not tell: not in cost.';

-- Limits of tenants at endpoints: money a day, and the right of their jobs to leave the house.
ALTER TABLE moed.tenant ADD COLUMN remote_allowed boolean,
  ADD COLUMN money_per_day numeric CHECK (money_per_day > 0 AND money_per_day < 'Infinity');
COMMENT ON COLUMN moed.tenant.remote_allowed IS 'false: its jobs never go to an endpoint outside of the house. true or NULL: the trust of each endpoint decides.';
COMMENT ON COLUMN moed.tenant.money_per_day IS 'Budget for endpoints outside of the house, per day (UTC). A request that could exceed it is not sent. NULL is no limit.';
ALTER TABLE moed.usage_delta ADD COLUMN spent numeric NOT NULL DEFAULT 0;
COMMENT ON COLUMN moed.usage_delta.spent IS 'Money at endpoints: a reserve before a request, the difference to its cost afterwards.';
ALTER TABLE moed.tenant_usage ADD COLUMN spent numeric NOT NULL DEFAULT 0;
COMMENT ON COLUMN moed.tenant_usage.spent IS 'Money at endpoints on that day, reserves of open requests included.';

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
           sum(d.served_tokens) AS served,
           coalesce(sum(d.spent) FILTER (WHERE d.day = (clock_timestamp() AT TIME ZONE 'UTC')::date), 0) AS spent
      FROM taken d GROUP BY d.tenant_id
  ), folded AS (
    INSERT INTO moed.tenant_usage AS u (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at, spent)
    SELECT a.tenant_id, a.today, a.billed, a.jobs, a.served, clock_timestamp(), a.spent FROM added a ORDER BY a.tenant_id
    ON CONFLICT (tenant_id) DO UPDATE
       SET billed_tokens = excluded.billed_tokens + CASE WHEN u.day = excluded.day THEN u.billed_tokens ELSE 0 END,
           spent = excluded.spent + CASE WHEN u.day = excluded.day THEN u.spent ELSE 0 END,
           served_jobs = excluded.served_jobs + u.served_jobs * moed.decay(excluded.folded_at - u.folded_at),
           served_tokens = excluded.served_tokens + u.served_tokens * moed.decay(excluded.folded_at - u.folded_at),
           day = excluded.day, folded_at = excluded.folded_at
    RETURNING u.tenant_id
  )
  SELECT count(*)::int FROM folded
$$;

CREATE OR REPLACE VIEW moed.tenants WITH (security_invoker = true) AS
SELECT t.id, t.name, t.weight, t.max_running, t.tokens_per_day, coalesce(u.billed_tokens, 0) AS tokens_today,
  t.paused_at,
  t.paused_at IS NULL AND NOT EXISTS (SELECT FROM moed.control c WHERE c.paused_at IS NOT NULL)
    AND (t.tokens_per_day IS NULL OR coalesce(u.billed_tokens, 0) < t.tokens_per_day) AS may_start,
  coalesce(r.served_jobs * d.part, 0) AS recent_jobs,
  coalesce(r.served_tokens * d.part, 0) AS recent_tokens,
  t.db_role, t.created_at, t.remote_allowed, t.money_per_day, coalesce(u.spent, 0) AS spent_today,
  t.remote_allowed IS NOT false AND (t.money_per_day IS NULL OR coalesce(u.spent, 0) < t.money_per_day) AS may_leave
FROM moed.tenant t
LEFT JOIN moed.tenant_usage r ON r.tenant_id = t.id
LEFT JOIN LATERAL (SELECT r.billed_tokens, r.spent WHERE r.day = (clock_timestamp() AT TIME ZONE 'UTC')::date) u ON true
LEFT JOIN LATERAL (SELECT moed.decay(clock_timestamp() - r.folded_at) AS part) d ON true;
COMMENT ON COLUMN moed.tenants.remote_allowed IS 'false: its jobs never go to an endpoint outside of the house.';
COMMENT ON COLUMN moed.tenants.money_per_day IS 'Budget for endpoints of a day, UTC; NULL is none.';
COMMENT ON COLUMN moed.tenants.spent_today IS 'Money at endpoints since midnight UTC, reserves of open requests included.';
COMMENT ON COLUMN moed.tenants.may_leave IS 'True when its jobs may go to endpoints outside of the house: allowed, and the budget is not used up.';
