CREATE FUNCTION moed.export_batch(batch uuid) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT o.text FROM moed.batch_output(export_batch.batch) o
$$;
COMMENT ON FUNCTION moed.export_batch(uuid) IS 'Lines of OpenAI''s batch output in the order of the input: answers and errors of jobs that have ended. A line has the member metadata when its request has one. Call it again when moed.batches shows that the rest has ended.';
