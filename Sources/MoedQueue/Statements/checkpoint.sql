-- checkpoint: appends pieces of output to the checkpoints of running jobs, fenced by the lease.
--
-- Returns the jobs that continue, each with whether its pieces were written. They were not while another transaction
-- locks the job's row. The other jobs were cancelled, are past their deadline or belong to another worker.
--
-- $1 job_id bigint[]: job of each piece; $1 to $5 are one column each
-- $2 lease_token bigint[]: token of the claim that generated the piece
-- $3 choice bigint[]: choice of the job, from 0
-- $4 first_token bigint[]: number of output tokens of the choice before the piece
-- $5 token_ids text[]: tokens of the piece, an int[] as text
-- $6 computed_by text: origin of the tokens; pieces of another origin are overwritten
-- $7 mode text[]: mode in which the job runs, or NULL; one column with $1 to $5
WITH new AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5, $7) AS n(job_id, lease_token, choice, first_token, token_ids, mode)
), going AS MATERIALIZED (
  SELECT j.id, j.lease_token FROM moed.job j
   WHERE (j.id, j.lease_token) IN (SELECT n.job_id, n.lease_token FROM new n)
     AND j.state::text = 'running' AND j.cancel_requested_at IS NULL
     AND NOT EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id)
     AND (j.expires_at IS NULL OR j.expires_at > clock_timestamp())
), held AS MATERIALIZED (
  SELECT j.id, j.lease_token, j.tenant_id, j.model_id, j.mode FROM going g JOIN moed.job j
      ON j.id = g.id AND j.state::text = 'running' AND j.lease_token = g.lease_token
     FOR SHARE OF j SKIP LOCKED
), unused AS (
  -- A job that begins anew overwrites its beginning. How the tokens divide is not known; see moed.waste_checkpoints().
  SELECT k.job_id, k.lease_token, coalesce(max(k.mode), h.mode) AS mode, max(k.computed_by) AS computed_by,
         sum(cardinality(k.token_ids))::int AS tokens, h.tenant_id, h.model_id, h.mode AS asked_mode
    FROM held h JOIN moed.job_checkpoint k ON k.job_id = h.id AND k.computed_by <> $6
   WHERE EXISTS (SELECT FROM new n WHERE n.job_id = h.id AND n.first_token = 0)
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
), written AS (
  INSERT INTO moed.job_checkpoint AS k (job_id, lease_token, choice, first_token, token_ids, computed_by, mode)
  SELECT n.job_id, n.lease_token, n.choice, n.first_token, n.token_ids::int[], $6, n.mode::moed.reasoning_mode
    FROM new n JOIN held h ON h.id = n.job_id AND h.lease_token = n.lease_token
  ON CONFLICT (job_id, choice, first_token) DO UPDATE
     SET token_ids = excluded.token_ids, computed_by = excluded.computed_by, mode = excluded.mode,
         lease_token = excluded.lease_token, created_at = excluded.created_at
   WHERE k.computed_by <> excluded.computed_by
)
SELECT g.id, EXISTS (SELECT FROM held h WHERE h.id = g.id) AS is_written FROM going g
