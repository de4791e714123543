-- A second account: one row per request to an endpoint, with what it cost. A bill's sums do not contain it. Programs before
-- this one work on.

-- No foreign keys: the account outlives jobs and workers. Workers write a row before the request is sent.
CREATE TABLE moed.endpoint_request (
  job_id            bigint NOT NULL,
  lease_token       bigint NOT NULL,
  segment           int NOT NULL CHECK (segment >= 0),
  choice            int NOT NULL CHECK (choice >= 0),
  first_token       int NOT NULL CHECK (first_token >= 0),
  tenant_id         int NOT NULL,
  model_id          int NOT NULL,
  worker_id         bigint NOT NULL,
  opened_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at          timestamptz,
  endpoint          text NOT NULL,
  api               text NOT NULL CHECK (api IN ('tokens', 'chat')),
  request_id        text NOT NULL,
  outcome           text,
  source            text CHECK (source IN ('usage', 'counted', 'estimated')),
  prompt_tokens     int CHECK (prompt_tokens >= 0),
  cached_tokens     int CHECK (cached_tokens >= 0),
  completion_tokens int CHECK (completion_tokens >= 0),
  kept_tokens       int CHECK (kept_tokens >= 0),
  prompt_price      numeric CHECK (prompt_price >= 0),
  cached_price      numeric CHECK (cached_price >= 0),
  completion_price  numeric CHECK (completion_price >= 0),
  told_cost         numeric CHECK (told_cost >= 0),
  cost              numeric GENERATED ALWAYS AS (coalesce(told_cost, 0.000001 * (
                      (prompt_tokens - least(coalesce(cached_tokens, 0), prompt_tokens)) * prompt_price
                      + least(coalesce(cached_tokens, 0), prompt_tokens) * cached_price
                      + completion_tokens * completion_price))) STORED,
  reserved          numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (job_id, lease_token, segment),
  CONSTRAINT ended_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL) AND (outcome IS NULL) = (source IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE moed.endpoint_request IS 'Account of requests to endpoints: one row each, written before the request is sent. No bill of a tenant contains it.';
COMMENT ON COLUMN moed.endpoint_request.job_id IS 'moed.job.id; the job may have been deleted.';
COMMENT ON COLUMN moed.endpoint_request.lease_token IS 'Claim that sent it.';
COMMENT ON COLUMN moed.endpoint_request.segment IS 'Number of the request within its claim, from 0.';
COMMENT ON COLUMN moed.endpoint_request.choice IS 'Choice of the job, from 0.';
COMMENT ON COLUMN moed.endpoint_request.first_token IS 'Number of output tokens of the choice before the request.';
COMMENT ON COLUMN moed.endpoint_request.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.endpoint_request.model_id IS 'moed.model.id asked for.';
COMMENT ON COLUMN moed.endpoint_request.worker_id IS 'moed.worker.id.';
COMMENT ON COLUMN moed.endpoint_request.opened_at IS 'When the row was written, just before the request was sent.';
COMMENT ON COLUMN moed.endpoint_request.ended_at IS 'When its end was recorded; NULL while it runs.';
COMMENT ON COLUMN moed.endpoint_request.endpoint IS 'Name of the endpoint in the worker''s configuration.';
COMMENT ON COLUMN moed.endpoint_request.api IS 'tokens or chat.';
COMMENT ON COLUMN moed.endpoint_request.request_id IS 'X-Request-Id that was sent.';
COMMENT ON COLUMN moed.endpoint_request.outcome IS 'Its end: finished, closed (moed needed no more), unsent, lost (its worker died), or the kind of its error; NULL while it runs.';
COMMENT ON COLUMN moed.endpoint_request.source IS 'Where the counts come from: usage (the endpoint''s word), counted (tokens that arrived), estimated (from checkpoints, or the prompt alone).';
COMMENT ON COLUMN moed.endpoint_request.prompt_tokens IS 'Prompt tokens, cached ones included; NULL: not known.';
COMMENT ON COLUMN moed.endpoint_request.cached_tokens IS 'Prompt tokens that the endpoint had cached; NULL: it did not tell.';
COMMENT ON COLUMN moed.endpoint_request.completion_tokens IS 'Tokens that the endpoint generated; NULL: not known.';
COMMENT ON COLUMN moed.endpoint_request.kept_tokens IS 'Completion tokens that the job went on with; NULL: not known.';
COMMENT ON COLUMN moed.endpoint_request.prompt_price IS 'Price of the endpoint per million prompt tokens; NULL: not configured.';
COMMENT ON COLUMN moed.endpoint_request.cached_price IS 'Price per million cached prompt tokens.';
COMMENT ON COLUMN moed.endpoint_request.completion_price IS 'Price per million completion tokens.';
COMMENT ON COLUMN moed.endpoint_request.told_cost IS 'Cost that the endpoint told; NULL: it told none.';
COMMENT ON COLUMN moed.endpoint_request.reserved IS 'Most that it could cost by the prices: taken from the tenant''s money_per_day until its cost is known.';
COMMENT ON COLUMN moed.endpoint_request.cost IS 'The told cost, else prices times tokens; cached tokens that were not told count as none. NULL: not known.';

-- Requests that run: those of dead workers are found here.
CREATE INDEX endpoint_request_open_idx ON moed.endpoint_request (worker_id) WHERE ended_at IS NULL;
CREATE INDEX endpoint_request_opened_idx ON moed.endpoint_request (opened_at);

CREATE VIEW moed.spent_daily WITH (security_invoker = true) AS
SELECT (r.opened_at AT TIME ZONE 'UTC')::date AS day, r.endpoint, t.name AS tenant, m.name AS model,
  count(*) AS requests,
  coalesce(sum(r.prompt_tokens), 0) AS prompt_tokens,
  coalesce(sum(r.cached_tokens), 0) AS cached_tokens,
  coalesce(sum(r.completion_tokens), 0) AS completion_tokens,
  sum(r.cost) AS cost,
  coalesce(sum(r.completion_tokens - r.kept_tokens), 0) AS wasted_tokens,
  sum(CASE WHEN r.kept_tokens = 0 THEN r.cost
           ELSE 0.000001 * (r.completion_tokens - r.kept_tokens) * r.completion_price END) AS wasted_cost,
  count(*) FILTER (WHERE r.source = 'estimated') AS estimated,
  count(*) FILTER (WHERE r.cost IS NULL AND r.ended_at IS NOT NULL) AS requests_without_cost
FROM moed.endpoint_request r
JOIN moed.tenant t ON t.id = r.tenant_id
JOIN moed.model m ON m.id = r.model_id
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.spent_daily IS 'Requests to endpoints with their cost per day (UTC), endpoint, tenant and model asked for: what a provider''s invoice is compared with.';
COMMENT ON COLUMN moed.spent_daily.day IS 'Day of the request, UTC.';
COMMENT ON COLUMN moed.spent_daily.endpoint IS 'Name of the endpoint.';
COMMENT ON COLUMN moed.spent_daily.tenant IS 'Owner of the jobs.';
COMMENT ON COLUMN moed.spent_daily.model IS 'Model that the jobs asked for.';
COMMENT ON COLUMN moed.spent_daily.requests IS 'Requests that were recorded.';
COMMENT ON COLUMN moed.spent_daily.prompt_tokens IS 'Sum of known prompt tokens, cached ones included. A job that continues sends its tokens again.';
COMMENT ON COLUMN moed.spent_daily.cached_tokens IS 'Prompt tokens that endpoints had cached, where they tell.';
COMMENT ON COLUMN moed.spent_daily.completion_tokens IS 'Sum of known completion tokens.';
COMMENT ON COLUMN moed.spent_daily.cost IS 'Sum of known costs; NULL when none is known.';
COMMENT ON COLUMN moed.spent_daily.wasted_tokens IS 'Completion tokens that no job went on with.';
COMMENT ON COLUMN moed.spent_daily.wasted_cost IS 'Their cost, with the prompt when nothing of a request was kept.';
COMMENT ON COLUMN moed.spent_daily.estimated IS 'Requests whose counts are estimates.';
COMMENT ON COLUMN moed.spent_daily.requests_without_cost IS 'Ended requests whose cost is not known.';

-- No foreign key to moed.worker: a row is written with each beat, and replaced by the worker alone.
CREATE TABLE moed.endpoint_state (
  worker_id         bigint NOT NULL,
  endpoint          text NOT NULL,
  place             int NOT NULL,
  api               text NOT NULL,
  model             text NOT NULL,
  state             text NOT NULL CHECK (state IN ('unknown', 'up', 'out')),
  since             timestamptz NOT NULL,
  reason            text,
  cooldown_until    timestamptz,
  in_flight         int NOT NULL,
  max_in_flight     int NOT NULL,
  tokens_per_second real NOT NULL,
  requests          bigint NOT NULL,
  tokens            bigint NOT NULL,
  errors            json NOT NULL,
  seen_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (worker_id, endpoint)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50);
COMMENT ON TABLE moed.endpoint_state IS 'Endpoints as each daemon sees them, written with its beat. Use the view moed.endpoints.';
COMMENT ON COLUMN moed.endpoint_state.worker_id IS 'moed.worker.id.';
COMMENT ON COLUMN moed.endpoint_state.endpoint IS 'Name in the daemon''s configuration.';
COMMENT ON COLUMN moed.endpoint_state.place IS 'Place in the list, from 0.';
COMMENT ON COLUMN moed.endpoint_state.api IS 'tokens or chat.';
COMMENT ON COLUMN moed.endpoint_state.model IS 'Name of the model at the endpoint.';
COMMENT ON COLUMN moed.endpoint_state.state IS 'up: it takes requests. out: it takes none until cooldown_until. unknown: the next probe decides.';
COMMENT ON COLUMN moed.endpoint_state.since IS 'When state changed.';
COMMENT ON COLUMN moed.endpoint_state.reason IS 'Why it takes no requests.';
COMMENT ON COLUMN moed.endpoint_state.cooldown_until IS 'End of the pause; a probe follows.';
COMMENT ON COLUMN moed.endpoint_state.in_flight IS 'Requests in flight.';
COMMENT ON COLUMN moed.endpoint_state.max_in_flight IS 'Requests that may be in flight.';
COMMENT ON COLUMN moed.endpoint_state.tokens_per_second IS 'Tokens received per second since the beat before.';
COMMENT ON COLUMN moed.endpoint_state.requests IS 'Requests sent since the daemon started.';
COMMENT ON COLUMN moed.endpoint_state.tokens IS 'Tokens received since then.';
COMMENT ON COLUMN moed.endpoint_state.errors IS 'Failed requests since then by kind.';
COMMENT ON COLUMN moed.endpoint_state.seen_at IS 'When it was written.';

-- Workers read it every second. A row a name: an operator's open transaction delays only other operators.
CREATE TABLE moed.cooldown_end (
  endpoint text PRIMARY KEY,
  ended_at timestamptz NOT NULL
);
COMMENT ON TABLE moed.cooldown_end IS 'Last call of moed.clear_cooldown() by endpoint.';
COMMENT ON COLUMN moed.cooldown_end.endpoint IS 'Name of the endpoint.';
COMMENT ON COLUMN moed.cooldown_end.ended_at IS 'When it was called.';

CREATE FUNCTION moed.clear_cooldown(name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  waiting int;
BEGIN
  SELECT count(*) FILTER (WHERE e.state = 'out') INTO waiting FROM moed.endpoints e WHERE e.name = clear_cooldown.name
  HAVING count(*) > 0;
  IF waiting IS NULL THEN
    RAISE EXCEPTION 'there is no endpoint "%"', clear_cooldown.name USING ERRCODE = 'undefined_object',
      HINT = 'SELECT name FROM moed.endpoints lists those of the daemons that run.';
  END IF;
  INSERT INTO moed.cooldown_end AS c (endpoint, ended_at) VALUES (clear_cooldown.name, clock_timestamp())
  ON CONFLICT (endpoint) DO UPDATE SET ended_at = excluded.ended_at;
  RETURN waiting;
END $$;
COMMENT ON FUNCTION moed.clear_cooldown(text) IS 'Ends the pause of an endpoint at all daemons: each probes it within a second. Returns how many daemons had it in a pause.';

CREATE VIEW moed.endpoints WITH (security_invoker = true) AS
SELECT e.endpoint AS name, w.id AS worker_id, w.host, e.api, e.model, e.state, e.since, e.reason, e.cooldown_until, e.in_flight,
  e.max_in_flight, e.tokens_per_second, e.requests, e.tokens, e.errors,
  coalesce((SELECT sum(r.cost) FROM moed.endpoint_request r
             WHERE r.opened_at >= date_trunc('day', clock_timestamp() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
               AND r.worker_id = w.id AND r.endpoint = e.endpoint), 0) AS spent_today,
  e.seen_at
FROM moed.endpoint_state e
JOIN moed.worker w ON w.id = e.worker_id AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
ORDER BY w.id, e.place;
COMMENT ON VIEW moed.endpoints IS 'Endpoints of the daemons that run, as each of them sees them.';
COMMENT ON COLUMN moed.endpoints.name IS 'Name in the daemon''s configuration.';
COMMENT ON COLUMN moed.endpoints.worker_id IS 'moed.worker.id of the daemon.';
COMMENT ON COLUMN moed.endpoints.host IS 'Host of the daemon.';
COMMENT ON COLUMN moed.endpoints.api IS 'tokens or chat.';
COMMENT ON COLUMN moed.endpoints.model IS 'Name of the model at the endpoint.';
COMMENT ON COLUMN moed.endpoints.state IS 'up: it takes requests. out: it takes none until cooldown_until. unknown: the next probe decides.';
COMMENT ON COLUMN moed.endpoints.since IS 'When state changed.';
COMMENT ON COLUMN moed.endpoints.reason IS 'Why it takes no requests.';
COMMENT ON COLUMN moed.endpoints.cooldown_until IS 'End of the pause; a probe follows. moed.clear_cooldown() ends it.';
COMMENT ON COLUMN moed.endpoints.in_flight IS 'Requests in flight.';
COMMENT ON COLUMN moed.endpoints.max_in_flight IS 'Requests that may be in flight.';
COMMENT ON COLUMN moed.endpoints.tokens_per_second IS 'Tokens received per second at the last beat.';
COMMENT ON COLUMN moed.endpoints.requests IS 'Requests sent since the daemon started.';
COMMENT ON COLUMN moed.endpoints.tokens IS 'Tokens received since then.';
COMMENT ON COLUMN moed.endpoints.errors IS 'Failed requests since then by kind.';
COMMENT ON COLUMN moed.endpoints.spent_today IS 'Cost of the daemon''s requests to it since midnight UTC, as far as it is known.';
COMMENT ON COLUMN moed.endpoints.seen_at IS 'When the daemon wrote this.';
