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
  trusted           text[],
  is_outside        boolean NOT NULL DEFAULT false,
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
COMMENT ON COLUMN moed.endpoint_state.trusted IS 'Tenants whose jobs it may run; NULL: all that may leave the house.';
COMMENT ON COLUMN moed.endpoint_state.is_outside IS 'True when it is outside of the house.';
