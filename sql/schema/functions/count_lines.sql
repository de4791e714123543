CREATE FUNCTION moed.count_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  INSERT INTO moed.batch_delta (batch_id, lines, line_errors)
  SELECT n.batch_id, count(*), count(*) FILTER (WHERE n.job_id IS NULL) FROM new_rows n GROUP BY n.batch_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.count_lines() IS 'Adds new lines of batches to moed.batch_delta.';
