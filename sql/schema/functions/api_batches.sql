CREATE FUNCTION moed.api_batches(key text, only_batch uuid DEFAULT NULL, after_batch uuid DEFAULT NULL, max_batches int DEFAULT 1)
RETURNS TABLE (
  id uuid, status text, input_file uuid, time_window text, metadata json, created_at timestamptz, sealed_at timestamptz,
  expires_at timestamptz, finished_at timestamptz, cancelled_at timestamptz, total bigint, completed bigint, failed bigint,
  prompt_tokens bigint, cached_tokens bigint, completion_tokens bigint, reasoning_tokens bigint, model text,
  has_output boolean, has_errors boolean, line_errors json)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  RETURN QUERY
  SELECT p.id,
    CASE WHEN v.status IN ('completed', 'failed') AND x.expired THEN 'expired' ELSE v.status END,
    p.input_file, p.time_window, p.metadata, p.created_at, p.sealed_at, p.expires_at, v.finished_at, p.cancelled_at,
    v.lines, v.completed, v.failed + v.line_errors + v.cancelled,
    v.prompt_tokens::bigint, v.cached_tokens::bigint, v.completion_tokens::bigint, x.reasoning_tokens, x.model,
    v.finished_at IS NOT NULL AND v.completed > 0 AND NOT 'output' = ANY (p.deleted_outputs),
    p.sealed_at IS NOT NULL AND v.unfinished = 0 AND v.lines > v.completed AND NOT 'error' = ANY (p.deleted_outputs),
    CASE WHEN v.line_errors > 0 THEN (
      SELECT json_agg(json_build_object('code', e.error_code, 'message', e.error_message, 'param', e.error_param, 'line', e.line)
                      ORDER BY e.line)
        FROM (SELECT * FROM moed.batch_line l WHERE l.batch_id = p.id AND l.job_id IS NULL ORDER BY l.line LIMIT 100) e) END
    FROM (
      SELECT b.* FROM moed.batch b LEFT JOIN moed.batch a ON a.id = after_batch AND a.tenant_id = owner_id
       WHERE b.tenant_id = owner_id AND (only_batch IS NULL OR b.id = only_batch)
         AND (after_batch IS NULL OR (b.created_at, b.id) < (a.created_at, a.id))
       ORDER BY b.created_at DESC, b.id DESC LIMIT max_batches) AS p
    CROSS JOIN LATERAL (SELECT * FROM moed.batches b WHERE b.id = p.id) AS v
    CROSS JOIN LATERAL (
      SELECT coalesce(bool_or(r.error_code = 'expired'), false) AS expired,
             coalesce(sum(g.thinking_tokens + g.injected_tokens), 0)::bigint AS reasoning_tokens,
             min(coalesce(m.name, j.model_name)) AS model
        FROM moed.batch_line l
        LEFT JOIN moed.job j ON j.id = l.job_id
        LEFT JOIN moed.model m ON m.id = j.model_id
        LEFT JOIN moed.job_result r ON r.job_id = l.job_id AND j.state = 'failed'
        LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
       WHERE l.batch_id = p.id) AS x
   ORDER BY p.created_at DESC, p.id DESC;
END $$;
COMMENT ON FUNCTION moed.api_batches(text, uuid, uuid, int) IS 'For the gateway: batches of a key''s tenant, newest first.';
