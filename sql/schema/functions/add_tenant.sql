-- It waits no longer for another transaction that adds the same tenant, and its wait ends before a deadlock is looked for.
CREATE FUNCTION moed.add_tenant(tenant_name text, tenant_id int DEFAULT NULL) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp SET lock_timeout = '50ms' AS $$
BEGIN
  INSERT INTO moed.tenant (id, name) VALUES (add_tenant.tenant_id, tenant_name) ON CONFLICT DO NOTHING;
  RETURN (SELECT t.id FROM moed.tenant t WHERE t.name = tenant_name);
EXCEPTION WHEN lock_not_available OR serialization_failure THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.add_tenant(text, int) IS 'Adds a tenant and returns its id. NULL: an open transaction is adding it, or one that the caller cannot see has.';
