-- complete: writes answers, each with state, result, row of the token ledger and attempt, fenced by the lease.
--
-- Returns the leases that were written. Jobs whose row another transaction locks are left out; the caller tries them
-- again. A job is found by its id alone: comparing the enum (state = 'running') would offer the index of running jobs
-- to the planner.
--
-- $1 job_id bigint[]: job of each answer; all parameters are one column each
-- $2 lease_token bigint[]: token of its claim
-- $3 content text[]: answer of the first choice
-- $4 reasoning text[]: its thinking text, or NULL
-- $5 finish_reason text[]: stop, tool_calls or length
-- $6 body text[]: chat.completion object, JSON
-- $7 seed bigint[]: seed that was used
-- $8 warnings text[]: warnings, a text[] as text
-- $9 prompt bigint[]: tokens of the prompt
-- $10 cached bigint[]: of these, taken from a cached prefix
-- $11 thinking bigint[]: thinking tokens
-- $12 injected bigint[]: injected tokens that end the thinking
-- $13 answer bigint[]: answer tokens
-- $14 recomputed bigint[]: tokens computed again after a crash
-- $15 wall_ms bigint[]: milliseconds from claim to end
-- $16 ran_mode text[]: mode in which it ran; NULL: the job's
-- $17 ran_model text[]: name of the model that ran; NULL: the job's
-- $18 origin text[]: digest of the origin; NULL: unknown
-- $19 truncated boolean[]: max_tokens or the end of the context ended a choice
-- $20 empty boolean[]: a choice's answer has no text
-- $21 source text[]: counted, or usage: the counts are an endpoint's word, and NULL what it did not tell
-- $22 told bigint[]: completion tokens that the endpoint told
WITH c AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
    AS c(job_id, lease_token, content, reasoning, finish_reason, body, seed, warnings,
         prompt, cached, thinking, injected, answer, recomputed, wall_ms, ran_mode, ran_model, origin, truncated, empty,
         source, told)
), held AS MATERIALIZED (
  SELECT c.*, j.tenant_id, j.model_id, j.mode, j.attempt, j.leased_by, j.started_at, clock_timestamp() AS ended_at,
         coalesce(c.ran_mode::moed.reasoning_mode, j.mode) AS mode_ran,
         coalesce((SELECT m.id FROM moed.model m WHERE m.name = c.ran_model), j.model_id) AS model_ran,
         (SELECT o.id FROM moed.origin o WHERE o.digest = c.origin AND o.model = c.ran_model) AS origin_id
    FROM c JOIN moed.job j
      ON j.id = c.job_id AND j.state::text = 'running' AND j.lease_token = c.lease_token
     FOR UPDATE OF j SKIP LOCKED
), done AS (
  UPDATE moed.job j SET state = 'succeeded', finished_at = h.ended_at, leased_by = NULL
    FROM held h WHERE j.id = h.job_id
  RETURNING j.id, j.lease_token
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, finish_reason, content, reasoning, body, seed, warnings, origin_id)
  SELECT h.job_id, h.lease_token, h.finish_reason, h.content, h.reasoning, h.body::json, h.seed, h.warnings::text[],
         h.origin_id
    FROM held h
), ledger AS (
  INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens,
    cached_tokens, thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms, truncated, empty,
    asked_model_id, asked_mode, origin_id, source, told_completion_tokens)
  SELECT h.job_id, h.lease_token, 'final', h.tenant_id, h.model_ran, h.mode_ran, h.prompt,
         h.cached, h.thinking, h.injected, h.answer, h.recomputed, h.wall_ms, h.truncated, h.empty,
         h.model_id, h.mode, h.origin_id, h.source, h.told
    FROM held h
), attempt AS (
  -- A daemon that knows no migration after 11 inserts the row when it claims.
  INSERT INTO moed.job_attempt AS a
    (job_id, lease_token, attempt, worker_id, started_at, ended_at, outcome, error_code, error_message)
  SELECT h.job_id, h.lease_token, h.attempt, h.leased_by, h.started_at, h.ended_at, 'succeeded', NULL, NULL
    FROM held h
  ON CONFLICT (job_id, lease_token) DO UPDATE
     SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_code = excluded.error_code,
         error_message = excluded.error_message
), checkpoint AS (
  DELETE FROM moed.job_checkpoint k USING held h WHERE k.job_id = h.job_id
  RETURNING k.job_id, k.lease_token, k.mode, k.computed_by, cardinality(k.token_ids) AS tokens
), unused AS (
  -- Tokens of another origin are in no answer. How they divide is not known; see moed.waste_checkpoints().
  SELECT k.job_id, k.lease_token, coalesce(max(k.mode), h.mode) AS mode, max(k.computed_by) AS computed_by,
         sum(k.tokens)::int AS tokens, h.tenant_id, h.model_id, h.mode AS asked_mode
    FROM checkpoint k JOIN held h ON h.job_id = k.job_id AND h.origin <> k.computed_by
   GROUP BY k.job_id, k.lease_token, h.mode, h.tenant_id, h.model_id
), wasted AS (
  INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens, cached_tokens,
    thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms, asked_model_id, asked_mode, origin_id)
  SELECT u.job_id, u.lease_token, 'wasted', u.tenant_id, coalesce(m.id, u.model_id), u.mode, 0, 0,
         CASE u.mode WHEN 'thinking' THEN u.tokens ELSE 0 END, 0, CASE u.mode WHEN 'thinking' THEN 0 ELSE u.tokens END,
         0, 0, u.model_id, u.asked_mode, o.id
    FROM unused u
    LEFT JOIN LATERAL (SELECT p.id, p.model FROM moed.origin p WHERE p.digest = u.computed_by ORDER BY p.id LIMIT 1) o ON true
    LEFT JOIN moed.model m ON m.name = o.model
  ON CONFLICT DO NOTHING
)
SELECT id, lease_token, 'succeeded' AS outcome FROM done
