-- lose_requests: ends the requests of workers that have stopped or were declared dead, by estimates.
--
-- The tokens of such a request are those that its worker checkpointed. It runs before the jobs are taken back, which may
-- delete checkpoints. A worker that was only frozen corrects the estimate.
--
-- $1 most bigint: maximum number of requests to end
WITH lost AS MATERIALIZED (
  SELECT r.job_id, r.lease_token, r.segment, r.choice, r.first_token, r.api
    FROM moed.endpoint_request r
   WHERE r.ended_at IS NULL
     AND NOT EXISTS (SELECT FROM moed.worker w WHERE w.id = r.worker_id AND w.stopped_at IS NULL)
   ORDER BY r.worker_id LIMIT $1 FOR UPDATE OF r SKIP LOCKED
), counted AS (
  SELECT l.job_id, l.lease_token, l.segment,
         CASE l.api WHEN 'tokens' THEN greatest(0, least(
           (SELECT min(n.first_token) FROM moed.endpoint_request n
             WHERE n.job_id = l.job_id AND n.lease_token = l.lease_token AND n.segment > l.segment AND n.choice = l.choice),
           coalesce((SELECT max(k.first_token + cardinality(k.token_ids)) FROM moed.job_checkpoint k
                      WHERE k.job_id = l.job_id AND k.choice = l.choice), 0)) - l.first_token) END AS tokens
    FROM lost l
), ended AS (
  UPDATE moed.endpoint_request r
     SET ended_at = clock_timestamp(), outcome = 'lost', source = 'estimated', completion_tokens = c.tokens,
         kept_tokens = coalesce(c.tokens, 0)
    FROM counted c WHERE r.job_id = c.job_id AND r.lease_token = c.lease_token AND r.segment = c.segment
  RETURNING r.job_id, r.tenant_id, r.opened_at, coalesce(r.cost, r.reserved) - r.reserved AS difference
), settled AS (
  -- The unspent part of a request's reserve returns to the budgets. An unknown cost keeps the reserve.
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens, spent)
  SELECT w.tenant_id, (w.opened_at AT TIME ZONE 'UTC')::date, 0, 0, 0, sum(w.difference)
    FROM ended w GROUP BY w.tenant_id, 2 HAVING sum(w.difference) <> 0
), refunded AS (
  UPDATE moed.batch_budget b SET spent = b.spent + c.amount FROM (
    SELECT d.batch_id, sum(d.difference) AS amount FROM (
      SELECT moed.budgeted_batch(w.job_id) AS batch_id, w.difference FROM ended w WHERE w.difference <> 0) d
     WHERE d.batch_id IS NOT NULL GROUP BY d.batch_id ORDER BY d.batch_id) c
   WHERE b.batch_id = c.batch_id
)
SELECT count(*) AS requests FROM ended
