CREATE FUNCTION moed.api_output(key text, batch uuid, answers boolean, after_line int, max_lines int)
RETURNS TABLE (line int, text text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  -- Lines of the other file are passed over here, and the last line tells where to go on.
  RETURN QUERY
  SELECT o.line, CASE WHEN o.is_answer = answers THEN o.text END
    FROM moed.batch b CROSS JOIN LATERAL moed.batch_output(b.id, after_line, max_lines) AS o
   WHERE b.id = api_output.batch AND b.tenant_id = owner_id
     AND NOT CASE WHEN answers THEN 'output' ELSE 'error' END = ANY (b.deleted_outputs)
     AND (b.output_lifetime IS NULL OR EXISTS (
       SELECT FROM moed.batch_counts(b.id) AS c
        WHERE greatest(c.last_end, b.sealed_at) + make_interval(secs => b.output_lifetime) > clock_timestamp()));
END $$;
COMMENT ON FUNCTION moed.api_output(text, uuid, boolean, int, int) IS 'For the gateway: lines of a batch''s output file or error file. The text of a line of the other file is NULL.';
