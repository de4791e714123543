-- report_endpoints: replaces a worker's endpoints by their present states. Those of workers that have ended are deleted.
--
-- $1 worker bigint: the worker, a row of moed.worker
-- $2 endpoint text[]: names of the endpoints in their order; $2 to $14 are one column each
-- $3 api text[]: tokens or chat
-- $4 model text[]: name of the model at the endpoint
-- $5 state text[]: unknown, up or out
-- $6 age bigint[]: milliseconds since the last change of the state
-- $7 reason text[]: why it takes no requests, or NULL
-- $8 cooldown bigint[]: milliseconds until the end of the pause, or NULL
-- $9 in_flight bigint[]: requests in flight
-- $10 most bigint[]: requests that may be in flight
-- $11 rate text[]: tokens per second
-- $12 requests bigint[]: requests since the worker started
-- $13 tokens bigint[]: tokens since then
-- $14 errors text[]: failed requests by kind, a JSON object
-- $15 trusted text[]: tenants whose jobs it may run, a JSON array, or NULL
-- $16 is_outside boolean[]: it is outside of the house
WITH ended AS (
  DELETE FROM moed.endpoint_state s WHERE s.worker_id = ANY (ARRAY(
    SELECT o.worker_id FROM moed.endpoint_state o
     WHERE NOT EXISTS (SELECT FROM moed.worker w WHERE w.id = o.worker_id AND w.stopped_at IS NULL)
       FOR UPDATE SKIP LOCKED))
)
INSERT INTO moed.endpoint_state AS s (worker_id, endpoint, place, api, model, state, since, reason, cooldown_until, in_flight,
  max_in_flight, tokens_per_second, requests, tokens, errors, trusted, is_outside)
SELECT $1, n.endpoint, n.place - 1, n.api, n.model, n.state, clock_timestamp() - n.age * interval '1 ms', n.reason,
       clock_timestamp() + n.cooldown * interval '1 ms', n.in_flight, n.most, n.rate::real, n.requests, n.tokens, n.errors::json,
       (SELECT array_agg(t.name) FROM json_array_elements_text(n.trusted::json) AS t(name)), n.is_outside
  FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) WITH ORDINALITY
    AS n(endpoint, api, model, state, age, reason, cooldown, in_flight, most, rate, requests, tokens, errors, trusted, is_outside, place)
ON CONFLICT (worker_id, endpoint) DO UPDATE
   SET place = excluded.place, state = excluded.state, since = excluded.since, reason = excluded.reason,
       cooldown_until = excluded.cooldown_until, in_flight = excluded.in_flight, max_in_flight = excluded.max_in_flight,
       tokens_per_second = excluded.tokens_per_second, requests = excluded.requests, tokens = excluded.tokens,
       errors = excluded.errors, trusted = excluded.trusted, is_outside = excluded.is_outside,
       seen_at = excluded.seen_at
