CREATE FUNCTION moed.new_batch(
  name text, tenant text, completion_window interval, reasoning text, money_max numeric, caller moed.acting_role)
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
  IF money_max <= 0 OR money_max >= 'Infinity' THEN
    RAISE EXCEPTION 'money_max must be a number above 0, not %', money_max USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.batch (name, tenant_id, expires_at)
  VALUES (new_batch.name, moed.tenant_for(tenant, moed.role_of(caller)), now() + completion_window)
  RETURNING id INTO new_id;
  INSERT INTO moed.batch_budget (batch_id, money_max) SELECT new_id, new_batch.money_max WHERE new_batch.money_max IS NOT NULL;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.new_batch(text, text, interval, text, numeric, moed.acting_role) IS 'Adds a batch without lines. Part of moed.import_batch() and moed.begin_import().';
