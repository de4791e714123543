-- end_attempt: ends attempts without an answer, fenced by the lease. The attempt failed, or its job returns to the
-- queue.
--
-- A retryable job with attempts left is scheduled again after 2^attempt seconds (at most 5 minutes, give or take 25 %).
-- Any other failed job ends. A job that returns to the queue uses no attempt. Past its deadline it fails with the code
-- expired. A job whose cancellation was requested is cancelled. Returns the leases that were written, with the outcome of
-- each. Jobs whose row another transaction locks are left out; the caller tries them again. A job is found by its id alone: comparing the
-- enum (state = 'running') would offer the index of running jobs to the planner.
--
-- $1 job_id bigint[]: job of each attempt; all parameters are one column each
-- $2 lease_token bigint[]: token of its claim
-- $3 code text[]: reason of the failure, for programs; NULL returns the job to the queue
-- $4 message text[]: the same in words
-- $5 param text[]: field of the request at fault, or NULL
-- $6 retryable boolean[]: another attempt may succeed
-- $7 prompt bigint[]: wasted tokens of the prompt
-- $8 cached bigint[]: of these, taken from a cached prefix
-- $9 thinking bigint[]: wasted thinking tokens
-- $10 injected bigint[]: wasted injected tokens that end the thinking
-- $11 answer bigint[]: wasted answer tokens
-- $12 recomputed bigint[]: tokens computed again after a crash
-- $13 wall_ms bigint[]: milliseconds from claim to end
-- $14 ran_mode text[]: mode in which it ran; NULL: the job's
-- $15 ran_model text[]: name of the model that ran; NULL: the job's
-- $16 origin text[]: digest of the origin; NULL: unknown
WITH c AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    AS c(job_id, lease_token, code, message, param, retryable,
         prompt, cached, thinking, injected, answer, recomputed, wall_ms, ran_mode, ran_model, origin)
), next AS MATERIALIZED (
  SELECT c.*, j.tenant_id, j.model_id, j.mode, j.attempt, j.leased_by, j.started_at, j.expires_at,
         CASE WHEN j.cancel_requested_at IS NOT NULL
                OR EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id) THEN 'cancelled'
              WHEN c.code IS NULL AND (j.expires_at <= clock_timestamp()) IS NOT true THEN 'queued'
              WHEN c.retryable AND j.attempt < j.max_attempts THEN 'scheduled'
              ELSE 'failed' END::moed.job_state AS state,
         make_interval(secs => least(300, power(2, least(j.attempt, 9))) * (0.75 + random() / 2)) AS pause
    FROM c JOIN moed.job j
      ON j.id = c.job_id AND j.state::text = 'running' AND j.lease_token = c.lease_token
     FOR UPDATE OF j SKIP LOCKED
), done AS (
  UPDATE moed.job j
     SET state = n.state, leased_by = NULL,
         attempt = j.attempt - CASE n.state WHEN 'queued' THEN 1 ELSE 0 END,
         started_at = CASE WHEN n.state <> 'queued' THEN j.started_at END,
         run_at = CASE n.state WHEN 'scheduled' THEN clock_timestamp() + n.pause ELSE j.run_at END,
         finished_at = CASE WHEN n.state NOT IN ('queued', 'scheduled') THEN clock_timestamp() END
    FROM next n WHERE j.id = n.job_id
  RETURNING j.id, j.lease_token, j.state
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message, error_param)
  SELECT n.job_id, n.lease_token, coalesce(n.code, 'expired'),
         coalesce(n.message, moed.expired_message(n.expires_at)), n.param
    FROM next n WHERE n.state = 'failed'
), ledger AS (
  INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens,
    cached_tokens, thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms,
    asked_model_id, asked_mode, origin_id)
  SELECT n.job_id, n.lease_token, 'wasted', n.tenant_id,
         coalesce((SELECT m.id FROM moed.model m WHERE m.name = n.ran_model), n.model_id),
         coalesce(n.ran_mode::moed.reasoning_mode, n.mode), n.prompt,
         n.cached, n.thinking, n.injected, n.answer, n.recomputed, n.wall_ms, n.model_id, n.mode,
         (SELECT o.id FROM moed.origin o WHERE o.digest = n.origin AND o.model = n.ran_model)
    FROM next n WHERE n.prompt + n.thinking + n.injected + n.answer + n.recomputed > 0
), attempt AS (
  -- A daemon that knows no migration after 11 inserts the row when it claims.
  INSERT INTO moed.job_attempt AS a
    (job_id, lease_token, attempt, worker_id, started_at, ended_at, outcome, error_code, error_message)
  SELECT n.job_id, n.lease_token, n.attempt, n.leased_by, n.started_at, clock_timestamp(),
         CASE n.state WHEN 'queued' THEN 'released' WHEN 'scheduled' THEN 'retried' ELSE n.state::text END,
         coalesce(n.code, CASE n.state WHEN 'failed' THEN 'expired' END), n.message
    FROM next n
  ON CONFLICT (job_id, lease_token) DO UPDATE
     SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_code = excluded.error_code,
         error_message = excluded.error_message
), charged AS (
  -- A tenant's share pays for what was read and refused: about a token for four bytes.
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens)
  SELECT n.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, count(*), 0, coalesce(sum(r.body_bytes) / 4, 0)
    FROM next n JOIN moed.job_request r ON r.job_id = n.job_id
   WHERE n.code IS NOT NULL AND n.prompt + n.thinking + n.injected + n.answer + n.recomputed = 0
   GROUP BY n.tenant_id
), checkpoint AS (
  -- An attempt that computed anything has the tokens of earlier ones in its account.
  DELETE FROM moed.job_checkpoint k USING next n
   WHERE k.job_id = n.job_id AND n.state NOT IN ('queued', 'scheduled')
     AND n.prompt + n.thinking + n.injected + n.answer + n.recomputed > 0
), wasted AS (
  SELECT moed.waste_checkpoints(array_agg(n.job_id)) AS pieces FROM next n
   WHERE n.state NOT IN ('queued', 'scheduled')
     AND n.prompt + n.thinking + n.injected + n.answer + n.recomputed = 0
)
SELECT d.id, d.lease_token,
       CASE d.state WHEN 'queued' THEN 'released' WHEN 'scheduled' THEN 'retried' ELSE d.state::text END AS outcome
  FROM done d CROSS JOIN wasted
