CREATE TABLE moed.tenant (
  id             int PRIMARY KEY,
  name           text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 128),
  weight         real NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight < 'Infinity'),
  max_running    int CHECK (max_running > 0),
  paused_at      timestamptz,
  created_at     timestamptz NOT NULL DEFAULT now(),
  db_role        name UNIQUE,
  tokens_per_day bigint CHECK (tokens_per_day > 0),
  remote_allowed boolean,
  money_per_day numeric CHECK (money_per_day > 0 AND money_per_day < 'Infinity')
);
COMMENT ON TABLE moed.tenant IS 'Tenants: owners of jobs. A new name is added when it first enqueues.';
COMMENT ON COLUMN moed.tenant.id IS 'Key; 1 is the tenant "default". Others follow from the name, see moed.tenant_key().';
COMMENT ON COLUMN moed.tenant.name IS 'Name given at enqueue, 1 to 128 characters.';
COMMENT ON COLUMN moed.tenant.weight IS 'Share of the running sequences relative to other tenants with waiting jobs.';
COMMENT ON COLUMN moed.tenant.max_running IS 'Most jobs running at once over all workers; NULL is no cap.';
COMMENT ON COLUMN moed.tenant.paused_at IS 'When not NULL, jobs of this tenant are not started.';
COMMENT ON COLUMN moed.tenant.created_at IS 'When the tenant was added.';
COMMENT ON COLUMN moed.tenant.db_role IS 'Database role of the tenant. This role and its members see and change the jobs of this tenant only, once they are members of moed_client and `moed migrate --roles` was run.';
COMMENT ON COLUMN moed.tenant.remote_allowed IS 'false: its jobs never go to an endpoint outside of the house. true or NULL: the trust of each endpoint decides.';
COMMENT ON COLUMN moed.tenant.money_per_day IS 'Budget for endpoints outside of the house, per day (UTC). A request that could exceed it is not sent. NULL is no limit.';
COMMENT ON COLUMN moed.tenant.tokens_per_day IS 'Once its succeeded jobs have used so many tokens since midnight UTC, no more are started until the next midnight; running ones end as usual. NULL is no limit.';

-- Tenants may be very many: those with a budget or a pause are looked at every few seconds.
CREATE INDEX tenant_budget_idx ON moed.tenant (id) WHERE tokens_per_day IS NOT NULL;
CREATE INDEX tenant_paused_idx ON moed.tenant (id) WHERE paused_at IS NOT NULL;

INSERT INTO moed.tenant (id, name) VALUES (1, 'default');

CREATE TRIGGER tenant_number BEFORE INSERT ON moed.tenant FOR EACH ROW EXECUTE FUNCTION moed.tenant_number();
