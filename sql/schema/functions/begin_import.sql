CREATE FUNCTION moed.begin_import(
  name text, import_key text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  money_max numeric DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user),
  OUT batch uuid, OUT next_part int, OUT is_open boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.tenant_for(tenant, moed.role_of(caller));
BEGIN
  SELECT b.id, b.sealed_at IS NULL, i.next_part INTO batch, is_open, next_part
    FROM moed.batch b LEFT JOIN moed.batch_import i ON i.batch_id = b.id
   WHERE b.tenant_id = owner_id AND b.import_key = begin_import.import_key;
  IF FOUND THEN RETURN; END IF;
  batch := moed.new_batch(name, tenant, completion_window, reasoning, money_max, caller);
  UPDATE moed.batch b SET sealed_at = NULL, import_key = begin_import.import_key WHERE b.id = begin_import.batch;
  INSERT INTO moed.batch_import (batch_id, tenant, priority, run_at, reasoning, model)
  VALUES (batch, begin_import.tenant, begin_import.priority, begin_import.run_at, begin_import.reasoning, begin_import.model);
  is_open := true;
  next_part := 0;
END $$;
COMMENT ON FUNCTION moed.begin_import(text, text, text, numeric, timestamptz, interval, text, text, numeric, moed.acting_role) IS 'Begins a batch whose lines moed.import_part() adds, or finds the one that the tenant began with this import_key. Returns the batch, the number of the part that comes next, and whether parts may still be added. money_max is that of moed.import_batch(). Leave caller out.';
