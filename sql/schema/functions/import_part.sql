CREATE FUNCTION moed.import_part(
  batch uuid, part int, lines text, caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  state record;
  added record;
BEGIN
  SELECT i.*, b.expires_at, b.cancelled_at INTO state
    FROM moed.batch_import i JOIN moed.batch b ON b.id = i.batch_id
   WHERE i.batch_id = import_part.batch AND i.file_id IS NULL AND moed.may_touch(b.tenant_id, moed.role_of(caller))
     FOR UPDATE OF i;
  IF NOT FOUND OR state.cancelled_at IS NOT NULL THEN
    RAISE EXCEPTION 'no lines can be added to batch %', import_part.batch USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'It is complete, was cancelled, or is not there.';
  END IF;
  IF part < state.next_part THEN RETURN 0; END IF;
  IF part > state.next_part THEN
    RAISE EXCEPTION 'part % of batch % comes before part %', state.next_part, import_part.batch, part
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO added FROM moed.add_lines(
    import_part.batch, lines, state.lines, state.tenant, state.priority, state.run_at, state.expires_at, state.reasoning,
    state.model, caller);
  UPDATE moed.batch_import i
     SET next_part = i.next_part + 1, lines = i.lines + coalesce(added.read_lines, 0), touched_at = clock_timestamp()
   WHERE i.batch_id = import_part.batch;
  RETURN coalesce(added.imported, 0);
END $$;
COMMENT ON FUNCTION moed.import_part(uuid, int, text, moed.acting_role) IS 'Adds whole lines to a batch of moed.begin_import(). part counts the calls from 0; one that was added before changes nothing and returns 0. Returns how many lines were not empty. Leave caller out.';
