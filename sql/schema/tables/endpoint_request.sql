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
