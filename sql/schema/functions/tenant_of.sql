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
  INSERT INTO moed.tenant (name) VALUES (tenant_name) ON CONFLICT (name) DO NOTHING RETURNING id INTO found_id;
  IF found_id IS NULL THEN SELECT t.id INTO found_id FROM moed.tenant t WHERE t.name = tenant_name; END IF;
  IF found_id IS NULL THEN
    RAISE EXCEPTION 'tenant was added by a concurrent transaction' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN found_id;
END $$;
COMMENT ON FUNCTION moed.tenant_of(text) IS 'Id of a tenant, adding it when it is new.';
