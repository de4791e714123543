CREATE FUNCTION moed.end_import(batch uuid, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = end_import.batch AND moed.may_touch(b.tenant_id, moed.role_of(caller))) THEN
    RAISE EXCEPTION 'there is no batch %', end_import.batch USING ERRCODE = 'undefined_object';
  END IF;
  PERFORM moed.seal_batch(end_import.batch);
END $$;
COMMENT ON FUNCTION moed.end_import(uuid, moed.acting_role) IS 'Says that a batch of moed.begin_import() has all of its lines. Leave caller out.';
