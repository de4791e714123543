-- Workers read it every second. A row a name: an operator's open transaction delays only other operators.
CREATE TABLE moed.cooldown_end (
  endpoint text PRIMARY KEY,
  ended_at timestamptz NOT NULL
);
COMMENT ON TABLE moed.cooldown_end IS 'Last call of moed.clear_cooldown() by endpoint.';
COMMENT ON COLUMN moed.cooldown_end.endpoint IS 'Name of the endpoint.';
COMMENT ON COLUMN moed.cooldown_end.ended_at IS 'When it was called.';
