CREATE FUNCTION moed.batch_output(
  batch uuid, after_line int DEFAULT 0, max_lines int DEFAULT NULL, OUT line int, OUT is_answer boolean, OUT text text)
RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = batch_output.batch) THEN
    RAISE EXCEPTION 'there is no batch %', batch_output.batch USING ERRCODE = 'undefined_object';
  END IF;
  -- Many programs end a line at U+0085, U+2028 and U+2029 as well. In JSON they stand in strings only.
  RETURN QUERY SELECT l.line, j.state IS NOT DISTINCT FROM 'succeeded', replace(replace(replace(left(json_build_object(
    'id', 'batch_req_' || coalesce(l.job_id::text, l.batch_id || '_' || l.line),
    'custom_id', l.custom_id,
    'response', CASE
      WHEN j.state = 'succeeded' THEN json_build_object('status_code', 200, 'request_id', 'req_' || l.job_id, 'body', r.body)
      WHEN j.state = 'failed' AND r.error_code <> 'expired' THEN json_build_object(
        'status_code', CASE WHEN e.is_ours THEN 500 ELSE 400 END,
        'request_id', 'req_' || l.job_id,
        'body', json_build_object('error', json_build_object(
          'message', r.error_message,
          'type', CASE WHEN e.is_ours THEN 'server_error' ELSE 'invalid_request_error' END,
          'param', r.error_param, 'code', r.error_code))) END,
    'error', CASE
      WHEN l.job_id IS NULL THEN json_build_object(
        'code', l.error_code, 'message', l.error_message, 'param', l.error_param, 'line', l.line)
      WHEN j.id IS NULL THEN json_build_object('code', 'pruned', 'message', 'the job was deleted after its retention')
      WHEN r.error_code = 'expired' THEN json_build_object('code', 'batch_expired', 'message', r.error_message)
      WHEN j.state = 'cancelled' THEN json_build_object('code', 'batch_cancelled', 'message', 'the job was cancelled') END
  )::text, -1) || coalesce(', "metadata" : ' || translate(m.metadata, E'\r\n', '  '), '') || '}',
    chr(133), E'\\u0085'), chr(8232), E'\\u2028'), chr(8233), E'\\u2029')
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id
  LEFT JOIN moed.job_request q ON q.job_id = j.id AND strpos(q.body::text, '"metadata"') > 0
  CROSS JOIN LATERAL (SELECT nullif(moed.json_member(q.body, 'metadata')::text, 'null') AS metadata) m
  CROSS JOIN LATERAL (SELECT r.error_code IN ('engine_error', 'worker_lost', 'result_refused') AS is_ours) e
  WHERE l.batch_id = batch_output.batch AND l.line > after_line AND (j.id IS NULL OR j.finished_at IS NOT NULL)
  ORDER BY l.line LIMIT max_lines;
END $$;
COMMENT ON FUNCTION moed.batch_output(uuid, int, int) IS 'Lines of OpenAI''s batch output after a line of the input, in its order: answers, and errors of jobs and lines. For outputs of any size, call it again with the last line that it returned.';
