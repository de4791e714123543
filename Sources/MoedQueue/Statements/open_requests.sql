-- open_requests: records requests to endpoints before they are sent, fenced by the lease.
--
-- Returns those of jobs that this worker holds, each with whether it may be sent. It may not when it could exceed its
-- tenant's money_per_day, or when the tenant has such a budget and the endpoint no prices. The most that a request could cost
-- is taken from the budget at once. Two workers that ask at the same time may exceed it by what they ask for. It may be
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
), held AS MATERIALIZED (
  SELECT a.*,
         a.is_known OR NOT a.is_outside OR b.money_per_day IS NULL
           OR a.prompt_price IS NOT NULL
              AND b.spent + sum(CASE WHEN a.is_known THEN 0 ELSE a.reserve END) OVER (
                    PARTITION BY a.tenant_id ORDER BY a.job_id, a.segment) <= b.money_per_day AS may_be_sent
    FROM asked a CROSS JOIN LATERAL (
      SELECT t.money_per_day, CASE WHEN t.money_per_day IS NOT NULL THEN t.spent_today + coalesce((
               SELECT sum(u.spent) FROM moed.usage_delta u
                WHERE u.tenant_id = t.id AND u.day = (clock_timestamp() AT TIME ZONE 'UTC')::date), 0) END AS spent
        FROM moed.tenants t WHERE t.id = a.tenant_id LIMIT 1) b
), reserved AS (
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens, spent)
  SELECT h.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, 0, 0, 0, sum(h.reserve)
    FROM held h WHERE h.may_be_sent AND NOT h.is_known AND h.reserve > 0 GROUP BY h.tenant_id
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
