-- Compiling the statement takes a hundred times as long as running it.
CREATE FUNCTION moed.api_batches(key text, only_batch uuid DEFAULT NULL, after_batch uuid DEFAULT NULL, max_batches int DEFAULT 1)
RETURNS TABLE (
  id uuid, status text, input_file uuid, time_window text, metadata json, created_at timestamptz, sealed_at timestamptz,
  expires_at timestamptz, finished_at timestamptz, cancelled_at timestamptz, total bigint, completed bigint, failed bigint,
  prompt_tokens bigint, cached_tokens bigint, completion_tokens bigint, reasoning_tokens bigint, model text,
  has_output boolean, has_errors boolean, line_errors json, output_expires_at timestamptz,
  cancelled bigint, expired bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp SET jit TO off AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  RETURN QUERY
  SELECT p.id,
    CASE WHEN p.sealed_at IS NULL AND p.cancelled_at IS NULL THEN 'validating'
         WHEN c.unfinished > 0 THEN CASE WHEN p.cancelled_at IS NULL THEN 'in_progress' ELSE 'cancelling' END
         WHEN c.cancelled > 0 OR p.sealed_at IS NULL THEN 'cancelled'
         WHEN c.expired > 0 THEN 'expired'
         WHEN c.completed > 0 OR c.pruned > 0 OR c.attempts > 0 THEN 'completed'
         ELSE 'failed' END,
    p.input_file, p.time_window, p.metadata, p.created_at, p.sealed_at, p.expires_at,
    CASE WHEN e.has_ended THEN c.last_end END, p.cancelled_at, c.lines, c.completed, c.failed + c.line_errors + c.cancelled,
    c.prompt_tokens, c.cached_tokens, c.completion_tokens, c.reasoning_tokens, (
      SELECT coalesce(m.name, j.model_name)
        FROM (SELECT l.job_id FROM moed.batch_line l
               WHERE l.batch_id = p.id AND l.job_id IS NOT NULL ORDER BY l.line LIMIT 1) AS f
        JOIN moed.job j ON j.id = f.job_id LEFT JOIN moed.model m ON m.id = j.model_id),
    e.has_ended AND NOT e.is_gone AND c.completed > 0 AND NOT 'output' = ANY (p.deleted_outputs),
    e.has_ended AND NOT e.is_gone AND c.lines > c.completed AND NOT 'error' = ANY (p.deleted_outputs),
    CASE WHEN c.line_errors > 0 THEN (
      SELECT json_agg(json_build_object('code', e.error_code, 'message', e.error_message, 'param', e.error_param, 'line', e.line)
                      ORDER BY e.line)
        FROM (SELECT * FROM moed.batch_line l WHERE l.batch_id = p.id AND l.job_id IS NULL ORDER BY l.line LIMIT 100) e) END,
    e.gone_at, c.cancelled, c.expired
    FROM (
      SELECT b.* FROM moed.batch b LEFT JOIN moed.batch a ON a.id = after_batch AND a.tenant_id = owner_id
       WHERE b.tenant_id = owner_id AND (only_batch IS NULL OR b.id = only_batch)
         AND (after_batch IS NULL OR (b.created_at, b.id) < (a.created_at, a.id))
       ORDER BY b.created_at DESC, b.id DESC LIMIT max_batches) AS p
    CROSS JOIN LATERAL moed.batch_counts(p.id) AS c
    CROSS JOIN LATERAL (
      SELECT n.has_ended, n.gone_at, n.gone_at <= clock_timestamp() IS TRUE AS is_gone
        FROM (SELECT p.sealed_at IS NOT NULL AND c.unfinished = 0 AS has_ended,
                     CASE WHEN p.sealed_at IS NOT NULL AND c.unfinished = 0
                          THEN greatest(c.last_end, p.sealed_at) + make_interval(secs => p.output_lifetime) END AS gone_at) n) AS e
   ORDER BY p.created_at DESC, p.id DESC;
END $$;
COMMENT ON FUNCTION moed.api_batches(text, uuid, uuid, int) IS 'For the gateway: batches of a key''s tenant, newest first, in a time that their sizes do not change.';
