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
WITH new AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5) AS n(job_id, lease_token, choice, first_token, token_ids)
), going AS MATERIALIZED (
  SELECT j.id, j.lease_token FROM moed.job j
   WHERE (j.id, j.lease_token) IN (SELECT n.job_id, n.lease_token FROM new n)
     AND j.state::text = 'running' AND j.cancel_requested_at IS NULL
     AND NOT EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id)
     AND (j.expires_at IS NULL OR j.expires_at > clock_timestamp())
), held AS MATERIALIZED (
  SELECT j.id, j.lease_token FROM going g JOIN moed.job j
      ON j.id = g.id AND j.state::text = 'running' AND j.lease_token = g.lease_token
     FOR SHARE OF j SKIP LOCKED
), written AS (
  INSERT INTO moed.job_checkpoint AS k (job_id, lease_token, choice, first_token, token_ids, computed_by)
  SELECT n.job_id, n.lease_token, n.choice, n.first_token, n.token_ids::int[], $6
    FROM new n JOIN held h ON h.id = n.job_id AND h.lease_token = n.lease_token
  ON CONFLICT (job_id, choice, first_token) DO UPDATE
     SET token_ids = excluded.token_ids, computed_by = excluded.computed_by,
         lease_token = excluded.lease_token, created_at = excluded.created_at
   WHERE k.computed_by <> excluded.computed_by
)
SELECT g.id, EXISTS (SELECT FROM held h WHERE h.id = g.id) AS is_written FROM going g
