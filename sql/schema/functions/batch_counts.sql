CREATE FUNCTION moed.batch_counts(batch uuid)
RETURNS TABLE (
  lines bigint, line_errors bigint, unfinished bigint, completed bigint, failed bigint, expired bigint, cancelled bigint,
  pruned bigint, attempts bigint, prompt_tokens bigint, cached_tokens bigint, completion_tokens bigint,
  reasoning_tokens bigint, last_end timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT s.lines, s.line_errors, s.lines - s.line_errors - s.completed - s.failed - s.cancelled - s.pruned, s.completed,
         s.failed, s.expired, s.cancelled, s.pruned, s.attempts, s.prompt_tokens, s.cached_tokens, s.completion_tokens,
         s.reasoning_tokens, s.last_end
    FROM (
      SELECT coalesce(sum(p.lines), 0)::bigint AS lines, coalesce(sum(p.line_errors), 0)::bigint AS line_errors,
             coalesce(sum(p.completed), 0)::bigint AS completed, coalesce(sum(p.failed), 0)::bigint AS failed,
             coalesce(sum(p.expired), 0)::bigint AS expired, coalesce(sum(p.cancelled), 0)::bigint AS cancelled,
             coalesce(sum(p.pruned), 0)::bigint AS pruned, coalesce(sum(p.attempts), 0)::bigint AS attempts,
             coalesce(sum(p.prompt_tokens), 0)::bigint AS prompt_tokens,
             coalesce(sum(p.cached_tokens), 0)::bigint AS cached_tokens,
             coalesce(sum(p.completion_tokens), 0)::bigint AS completion_tokens,
             coalesce(sum(p.reasoning_tokens), 0)::bigint AS reasoning_tokens, max(p.last_end) AS last_end
        FROM (
          SELECT c.lines, c.line_errors, c.completed, c.failed, c.expired, c.cancelled, c.pruned, c.attempts, c.prompt_tokens,
                 c.cached_tokens, c.completion_tokens, c.reasoning_tokens, c.last_end
            FROM moed.batch_count c WHERE c.batch_id = batch_counts.batch
          UNION ALL
          SELECT d.lines, d.line_errors, d.completed, d.failed, d.expired, d.cancelled, d.pruned, d.attempts, d.prompt_tokens,
                 d.cached_tokens, d.completion_tokens, d.reasoning_tokens, d.last_end
            FROM moed.batch_delta d WHERE d.batch_id = batch_counts.batch) p) s
$$;
COMMENT ON FUNCTION moed.batch_counts(uuid) IS 'Counts of a batch from moed.batch_count and moed.batch_delta, in a time that its size does not change.';
