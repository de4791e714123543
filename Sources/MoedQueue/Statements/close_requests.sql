-- close_requests: records the ends of requests to endpoints, with what they cost.
--
-- No lease fences it: what an endpoint computed was spent. The end of a request that a rescue had estimated is corrected.
-- Returns requests whose row another transaction locks; the caller tries them again.
--
-- $1 job_id bigint[]: job of each request; all parameters are one column each
-- $2 lease_token bigint[]: token of the claim that sent it
-- $3 segment bigint[]: number of the request within the claim
-- $4 outcome text[]: how it ended
-- $5 source text[]: where the counts come from
-- $6 prompt bigint[]: tokens of its prompt, or NULL
-- $7 cached bigint[]: of these, cached at the endpoint, or NULL
-- $8 completion bigint[]: tokens that the endpoint generated, or NULL
-- $9 kept bigint[]: of these, tokens that the job went on with, or NULL
-- $10 cost text[]: cost that the endpoint told, or NULL
WITH n AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    AS n(job_id, lease_token, segment, outcome, source, prompt, cached, completion, kept, cost)
), free AS MATERIALIZED (
  SELECT r.job_id, r.lease_token, r.segment, CASE WHEN r.outcome IS NULL THEN r.reserved ELSE coalesce(r.cost, r.reserved) END AS taken
    FROM n JOIN moed.endpoint_request r
      ON r.job_id = n.job_id AND r.lease_token = n.lease_token AND r.segment = n.segment
   WHERE r.outcome IS NULL OR r.outcome = 'lost' FOR UPDATE OF r SKIP LOCKED
), written AS (
  UPDATE moed.endpoint_request r
     SET ended_at = clock_timestamp(), outcome = n.outcome, source = n.source, prompt_tokens = n.prompt,
         cached_tokens = n.cached, completion_tokens = n.completion, kept_tokens = n.kept, told_cost = n.cost::numeric
    FROM free f JOIN n ON n.job_id = f.job_id AND n.lease_token = f.lease_token AND n.segment = f.segment
   WHERE r.job_id = f.job_id AND r.lease_token = f.lease_token AND r.segment = f.segment
  RETURNING r.job_id, r.tenant_id, r.opened_at, coalesce(r.cost, r.reserved) - f.taken AS difference
), settled AS (
  -- The unspent part of a request's reserve returns to the budgets. An unknown cost keeps the reserve.
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens, spent)
  SELECT w.tenant_id, (w.opened_at AT TIME ZONE 'UTC')::date, 0, 0, 0, sum(w.difference)
    FROM written w GROUP BY w.tenant_id, 2 HAVING sum(w.difference) <> 0
), refunded AS (
  UPDATE moed.batch_budget b SET spent = b.spent + c.amount FROM (
    SELECT d.batch_id, sum(d.difference) AS amount FROM (
      SELECT moed.budgeted_batch(w.job_id) AS batch_id, w.difference FROM written w WHERE w.difference <> 0) d
     WHERE d.batch_id IS NOT NULL GROUP BY d.batch_id ORDER BY d.batch_id) c
   WHERE b.batch_id = c.batch_id
)
SELECT n.job_id, n.lease_token, n.segment
  FROM n JOIN moed.endpoint_request r
    ON r.job_id = n.job_id AND r.lease_token = n.lease_token AND r.segment = n.segment
 WHERE (r.outcome IS NULL OR r.outcome = 'lost')
   AND NOT EXISTS (SELECT FROM free f
                    WHERE f.job_id = n.job_id AND f.lease_token = n.lease_token AND f.segment = n.segment)
