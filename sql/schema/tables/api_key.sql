-- The key itself is nowhere. A gateway sends the SHA-256 of a key, and this table has the SHA-256 of that: who reads the
-- table cannot act with what it shows.
CREATE TABLE moed.api_key (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id  int NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
  digest     bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
  hint       text NOT NULL CHECK (length(hint) BETWEEN 1 AND 32),
  scopes     text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  requests_per_minute int CHECK (requests_per_minute > 0),
  tokens_per_minute int CHECK (tokens_per_minute > 0)
);
COMMENT ON TABLE moed.api_key IS 'Keys of the HTTP gateway, each for one tenant. moed.create_key() adds one, moed.revoke_key() ends it.';
COMMENT ON COLUMN moed.api_key.id IS 'Number of the key.';
COMMENT ON COLUMN moed.api_key.tenant_id IS 'moed.tenant.id that the key acts for.';
COMMENT ON COLUMN moed.api_key.name IS 'Name for people.';
COMMENT ON COLUMN moed.api_key.digest IS 'SHA-256 of the SHA-256 of the key.';
COMMENT ON COLUMN moed.api_key.hint IS 'First characters of the key, by which its owner recognises it.';
COMMENT ON COLUMN moed.api_key.scopes IS 'Rights of the key: batches (files and batches), chat (direct answers), operate (actions of the page, over all tenants).';
COMMENT ON COLUMN moed.api_key.created_at IS 'When it was made.';
COMMENT ON COLUMN moed.api_key.expires_at IS 'From then on it is refused; NULL is never.';
COMMENT ON COLUMN moed.api_key.revoked_at IS 'When moed.revoke_key() was called; NULL is not.';
COMMENT ON COLUMN moed.api_key.requests_per_minute IS 'Direct requests in any minute; NULL is no limit.';
COMMENT ON COLUMN moed.api_key.tokens_per_minute IS 'Tokens of direct requests in any minute, reserved when a request comes and counted exactly when it has ended; NULL is no limit.';
