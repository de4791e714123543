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
-- $5 finish_reason text[]: stop or length
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
WITH c AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    AS c(job_id, lease_token, content, reasoning, finish_reason, body, seed, warnings,
         prompt, cached, thinking, injected, answer, recomputed, wall_ms)
), held AS MATERIALIZED (
  SELECT c.*, j.tenant_id, j.model_id, j.mode, j.attempt, j.leased_by, j.started_at, clock_timestamp() AS ended_at
    FROM c JOIN moed.job j
      ON j.id = c.job_id AND j.state::text = 'running' AND j.lease_token = c.lease_token
     FOR UPDATE OF j SKIP LOCKED
), done AS (
  UPDATE moed.job j SET state = 'succeeded', finished_at = h.ended_at, leased_by = NULL
    FROM held h WHERE j.id = h.job_id
  RETURNING j.id, j.lease_token
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, finish_reason, content, reasoning, body, seed, warnings)
  SELECT h.job_id, h.lease_token, h.finish_reason, h.content, h.reasoning, h.body::json, h.seed, h.warnings::text[]
    FROM held h
), ledger AS (
  INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens,
    cached_tokens, thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms, truncated, empty)
  SELECT h.job_id, h.lease_token, 'final', h.tenant_id, h.model_id, h.mode, h.prompt,
         h.cached, h.thinking, h.injected, h.answer, h.recomputed, h.wall_ms, h.finish_reason = 'length',
         coalesce(h.content, '') = ''
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
)
SELECT id, lease_token FROM done
