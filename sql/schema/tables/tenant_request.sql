-- No unique name: a second request would wait for the first one's transaction.
CREATE TABLE moed.tenant_request (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id int NOT NULL,
  name      text NOT NULL,
  added_by  xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON TABLE moed.tenant_request IS 'New tenants of committed jobs that another open transaction was adding. A worker adds those that are still missing.';
COMMENT ON COLUMN moed.tenant_request.id IS 'Key, ascending.';
COMMENT ON COLUMN moed.tenant_request.tenant_id IS 'Id of the tenant, as its jobs have it.';
COMMENT ON COLUMN moed.tenant_request.name IS 'moed.tenant.name.';
COMMENT ON COLUMN moed.tenant_request.added_by IS 'Transaction that added the request with its jobs: one request each.';

CREATE INDEX tenant_request_name_idx ON moed.tenant_request (name);
CREATE INDEX tenant_request_tenant_idx ON moed.tenant_request (tenant_id);
