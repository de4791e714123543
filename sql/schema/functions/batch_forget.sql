CREATE FUNCTION moed.batch_forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  DELETE FROM moed.batch_count c USING old_rows o WHERE c.batch_id = o.id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.batch_forget() IS 'Deletes the counts of deleted batches.';
