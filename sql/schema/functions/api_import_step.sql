-- The last part and the seal are two transactions: see moed.seal_batch().
CREATE FUNCTION moed.api_import_step() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  state record;
  slice text;
  added record;
BEGIN
  SELECT i.*, b.expires_at, b.cancelled_at INTO state
    FROM moed.batch_import i JOIN moed.batch b ON b.id = i.batch_id
   WHERE i.file_id IS NOT NULL ORDER BY i.touched_at LIMIT 1 FOR UPDATE OF i SKIP LOCKED;
  IF NOT FOUND THEN
    PERFORM moed.fold_batches();
    WITH expired AS MATERIALIZED (
      SELECT o.id FROM moed.api_file o WHERE o.expires_at < now() ORDER BY o.expires_at LIMIT 10 FOR UPDATE SKIP LOCKED
    ), abandoned AS MATERIALIZED (
      SELECT o.id FROM moed.api_file o WHERE o.uploaded_at IS NULL AND o.created_at < now() - interval '1 day'
       ORDER BY o.created_at LIMIT 10 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM moed.api_file f
     WHERE f.id IN (SELECT e.id FROM expired e UNION ALL SELECT a.id FROM abandoned a)
       AND NOT EXISTS (SELECT FROM moed.batch_import i WHERE i.file_id = f.id);
    RETURN false;
  END IF;
  IF state.cancelled_at IS NULL THEN
    SELECT p.content INTO slice FROM moed.api_file_part p WHERE p.file_id = state.file_id AND p.part = state.next_part;
  END IF;
  IF slice IS NULL THEN
    PERFORM moed.seal_batch(state.batch_id);
    RETURN true;
  END IF;
  BEGIN
    SELECT * INTO added FROM moed.add_lines(
      state.batch_id, slice, state.lines, state.tenant, state.priority, state.run_at, state.expires_at, state.reasoning,
      state.model, moed.call_stamp(current_user));
  EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded OR raise_exception THEN
    -- One part that the database refuses must not hold up the files behind it.
    SELECT array_length(string_to_array(slice, E'\n'), 1) - 1 AS read_lines INTO added;
    INSERT INTO moed.batch_line (batch_id, line, error_code, error_message)
    VALUES (state.batch_id, state.lines + 1, 'import_failed', left('this line and those after it were refused: ' || SQLERRM, 1000));
  END;
  UPDATE moed.batch_import i
     SET next_part = i.next_part + 1, lines = i.lines + coalesce(added.read_lines, 0), touched_at = clock_timestamp()
   WHERE i.batch_id = state.batch_id;
  RETURN true;
END $$;
COMMENT ON FUNCTION moed.api_import_step() IS 'For the gateway: adds one part of one file to its batch, or deletes expired files when there is none. Returns true when it found a batch.';
