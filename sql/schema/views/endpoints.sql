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
