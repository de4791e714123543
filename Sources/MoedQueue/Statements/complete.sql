-- complete: writes answers, each with state, result, row of the token ledger and attempt, fenced by the lease.
--
-- Returns the leases that were written. A job is found by its id alone: comparing the enum (state = 'running') would
-- offer the index of running jobs to the planner.
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
), done AS (
  UPDATE moed.job j SET state = 'succeeded', finished_at = clock_timestamp(), leased_by = NULL
    FROM c WHERE j.id = c.job_id AND j.state::text = 'running' AND j.lease_token = c.lease_token
  RETURNING j.id, j.lease_token, j.tenant_id, j.model_id, j.mode, j.attempt, j.started_at, j.finished_at
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, finish_reason, content, reasoning, body, seed, warnings)
  SELECT d.id, d.lease_token, c.finish_reason, c.content, c.reasoning, c.body::json, c.seed, c.warnings::text[]
    FROM done d JOIN c ON c.job_id = d.id
), ledger AS (
  INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens,
    cached_tokens, thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms)
  SELECT d.id, d.lease_token, 'final', d.tenant_id, d.model_id, d.mode, c.prompt,
         c.cached, c.thinking, c.injected, c.answer, c.recomputed, c.wall_ms
    FROM done d JOIN c ON c.job_id = d.id
), attempt AS (
  -- A daemon that knows no migration after 11 inserts the row when it claims.
  INSERT INTO moed.job_attempt AS a
    (job_id, lease_token, attempt, worker_id, started_at, ended_at, outcome, error_code, error_message)
  SELECT d.id, d.lease_token, d.attempt, o.leased_by, d.started_at, d.finished_at, 'succeeded', NULL, NULL
    FROM done d JOIN moed.job o ON o.id = d.id
  ON CONFLICT (job_id, lease_token) DO UPDATE
     SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_code = excluded.error_code,
         error_message = excluded.error_message
), checkpoint AS (
  DELETE FROM moed.job_checkpoint k USING done d WHERE k.job_id = d.id
)
SELECT id, lease_token FROM done
