-- Nobody waits for a name that an open transaction adds. A committed request says that there was one: its transaction may
-- still be open.
CREATE FUNCTION moed.tenant_of(tenant_name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  found_id int;
BEGIN
  SELECT t.id INTO found_id FROM moed.tenant t WHERE t.name = tenant_name;
  IF found_id IS NOT NULL THEN RETURN found_id; END IF;
  IF length(tenant_name) NOT BETWEEN 1 AND 128 THEN
    RAISE EXCEPTION 'tenant must have 1 to 128 characters' USING ERRCODE = 'string_data_right_truncation';
  END IF;
  SELECT r.tenant_id INTO found_id FROM moed.tenant_request r WHERE r.name = tenant_name LIMIT 1;
  IF found_id IS NULL THEN
    found_id := moed.add_tenant(tenant_name);
    IF found_id IS NOT NULL THEN RETURN found_id; END IF;
    found_id := moed.tenant_key(tenant_name);
  END IF;
  INSERT INTO moed.tenant_request (tenant_id, name)
  SELECT found_id, tenant_name WHERE NOT EXISTS (
    SELECT FROM moed.tenant_request r WHERE r.name = tenant_name AND r.tenant_id = found_id AND r.added_by = pg_current_xact_id());
  RETURN found_id;
END $$;
COMMENT ON FUNCTION moed.tenant_of(text) IS 'Id of a tenant, adding it when it is new.';
