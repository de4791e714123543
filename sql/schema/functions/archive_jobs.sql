CREATE FUNCTION moed.archive_jobs(older_than interval, max_jobs int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  ids bigint[];
  month date;
BEGIN
  IF older_than IS NULL OR older_than < interval '0' THEN
    RAISE EXCEPTION 'older_than must be a length of time, not %', coalesce(older_than::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  ids := ARRAY(SELECT e.id FROM (
    SELECT j.id FROM moed.job j WHERE j.finished_at < clock_timestamp() - older_than
     ORDER BY j.finished_at LIMIT max_jobs FOR UPDATE SKIP LOCKED) e);
  FOR month IN SELECT DISTINCT date_trunc('month', j.finished_at AT TIME ZONE 'UTC')::date FROM moed.job j WHERE j.id = ANY (ids)
  LOOP
    PERFORM moed.archive_month(month);
  END LOOP;
  INSERT INTO moed.archive (id, finished_at, state, tenant, tenant_id, model, mode, created_at, started_at, content, reasoning,
    finish_reason, error, warning, metadata, request, response, prompt_tokens, completion_tokens, total_tokens, batch_id, custom_id)
  SELECT v.id, v.finished_at, v.state::text, v.tenant, j.tenant_id, v.model, v.mode, v.created_at, v.started_at, v.content,
         v.reasoning, v.finish_reason, v.error, v.warning, v.metadata, v.request, v.response, v.prompt_tokens,
         v.completion_tokens, v.total_tokens, l.batch_id, l.custom_id
    FROM moed.jobs v JOIN moed.job j ON j.id = v.id
    LEFT JOIN LATERAL (SELECT b.batch_id, b.custom_id FROM moed.batch_line b WHERE b.job_id = v.id LIMIT 1) l ON true
   WHERE v.id = ANY (ids);
  DELETE FROM moed.job j WHERE j.id = ANY (ids);
  RETURN cardinality(ids);
END $$;
COMMENT ON FUNCTION moed.archive_jobs(interval, int) IS 'Moves up to max_jobs jobs that ended longer ago to moed.archive, the oldest first, with request and result; the token account stays. Returns how many. Call it until it returns 0. It is moed.prune() with a copy, so archive before queue.retention deletes.';
