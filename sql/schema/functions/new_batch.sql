CREATE FUNCTION moed.new_batch(
  name text, tenant text, completion_window interval, reasoning text, caller moed.acting_role)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_id uuid;
BEGIN
  IF coalesce(length(name), 0) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'name must have 1 to 512 characters, not %', coalesce(length(name), 0)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF reasoning NOT IN ('thinking', 'non_thinking') THEN
    RAISE EXCEPTION 'reasoning must be thinking or non_thinking, not "%"', reasoning USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.batch (name, tenant_id, expires_at)
  VALUES (new_batch.name, moed.tenant_for(tenant, moed.role_of(caller)), now() + completion_window)
  RETURNING id INTO new_id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.new_batch(text, text, interval, text, moed.acting_role) IS 'Adds a batch without lines. Part of moed.import_batch() and moed.begin_import().';
