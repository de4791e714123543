-- open_requests: records requests to endpoints before they are sent, fenced by the lease.
--
-- Returns those of jobs that this worker holds, each with whether it may be sent. It may not when it could exceed its
-- tenant's money_per_day or its batch's money_max, or when there is such a limit and the endpoint has no prices. The most
-- that a request could cost is taken from both at once. Workers that ask at the same time wait for each other. It may be
-- repeated.
--
-- $1 worker bigint: the worker, a row of moed.worker
-- $2 job_id bigint[]: job of each request; $2 to $16 are one column each
-- $3 lease_token bigint[]: token of the claim that sends it
-- $4 segment bigint[]: number of the request within the claim
-- $5 choice bigint[]: choice of the job, from 0
-- $6 first_token bigint[]: number of output tokens of the choice before it
-- $7 prompt bigint[]: tokens of its prompt; NULL: not known
-- $8 endpoint text[]: name of the endpoint
-- $9 api text[]: tokens or chat
-- $10 request_id text[]: name of the request at the endpoint
-- $11 prompt_price text[]: price per million prompt tokens, or NULL
-- $12 cached_price text[]: price per million cached prompt tokens, or NULL
-- $13 completion_price text[]: price per million completion tokens, or NULL
-- $14 prompt_most bigint[]: prompt tokens that it may have, by moed's own count
-- $15 completion_most bigint[]: completion tokens that it may have
-- $16 is_outside boolean[]: the endpoint is outside of the house
WITH asked AS MATERIALIZED (
  SELECT n.*, j.tenant_id, j.model_id, d.job_id IS NOT NULL AS is_known,
         coalesce(0.000001 * (n.prompt_most * greatest(n.prompt_price::numeric, n.cached_price::numeric)
           + n.completion_most * n.completion_price::numeric), 0) AS reserve
    FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
      AS n(job_id, lease_token, segment, choice, first_token, prompt, endpoint, api, request_id,
           prompt_price, cached_price, completion_price, prompt_most, completion_most,
           is_outside)
    JOIN moed.job j ON j.id = n.job_id AND j.state::text = 'running' AND j.lease_token = n.lease_token
    LEFT JOIN moed.endpoint_request d
      ON d.job_id = n.job_id AND d.lease_token = n.lease_token AND d.segment = n.segment
), named AS MATERIALIZED (
  SELECT a.*, moed.budgeted_batch(a.job_id) AS batch_id FROM asked a
), tenants AS MATERIALIZED (
  SELECT t.tenant_id, moed.money_left(t.tenant_id) AS money FROM (
    SELECT DISTINCT n.tenant_id FROM named n WHERE n.is_outside AND NOT n.is_known ORDER BY n.tenant_id) t
), batches AS MATERIALIZED (
  SELECT b.batch_id, moed.batch_money_left(b.batch_id) AS money FROM (
    SELECT DISTINCT n.batch_id FROM named n
     WHERE n.is_outside AND NOT n.is_known AND n.batch_id IS NOT NULL ORDER BY n.batch_id) b
), summed AS (
  SELECT n.*, sum(n.reserve) FILTER (WHERE NOT n.is_known) OVER (PARTITION BY n.tenant_id ORDER BY n.job_id, n.segment) AS of_tenant,
         sum(n.reserve) FILTER (WHERE NOT n.is_known) OVER (PARTITION BY n.batch_id ORDER BY n.job_id, n.segment) AS of_batch
    FROM named n
), held AS MATERIALIZED (
  -- No money is told for a tenant or a batch without a limit.
  SELECT s.*,
         s.is_known OR NOT s.is_outside
           OR (t.money IS NULL AND b.money IS NULL)
           OR s.prompt_price IS NOT NULL AND s.of_tenant <= coalesce(t.money, s.of_tenant)
              AND s.of_batch <= coalesce(b.money, s.of_batch) AS may_be_sent
    FROM summed s LEFT JOIN tenants t ON t.tenant_id = s.tenant_id LEFT JOIN batches b ON b.batch_id = s.batch_id
), reserved AS (
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens, spent)
  SELECT h.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, 0, 0, 0, sum(h.reserve)
    FROM held h WHERE h.may_be_sent AND NOT h.is_known AND h.reserve > 0 GROUP BY h.tenant_id
), charged AS (
  UPDATE moed.batch_budget b SET spent = b.spent + c.amount FROM (
    SELECT h.batch_id, sum(h.reserve) AS amount FROM held h
     WHERE h.may_be_sent AND NOT h.is_known AND h.reserve > 0 AND h.batch_id IS NOT NULL
     GROUP BY h.batch_id ORDER BY h.batch_id) c
   WHERE b.batch_id = c.batch_id
), written AS (
  INSERT INTO moed.endpoint_request (job_id, lease_token, segment, choice, first_token, tenant_id, model_id, worker_id,
    endpoint, api, request_id, prompt_tokens, prompt_price, cached_price, completion_price, reserved)
  SELECT h.job_id, h.lease_token, h.segment, h.choice, h.first_token, h.tenant_id, h.model_id, $1, h.endpoint, h.api,
         h.request_id, h.prompt, h.prompt_price::numeric, h.cached_price::numeric, h.completion_price::numeric,
         h.reserve
    FROM held h WHERE h.may_be_sent
  ON CONFLICT DO NOTHING
)
SELECT h.job_id, h.lease_token, h.segment, h.may_be_sent FROM held h
