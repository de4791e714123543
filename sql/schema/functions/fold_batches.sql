-- Each session takes other rows. Batches come in one order, so that two sessions never wait for each other.
CREATE FUNCTION moed.fold_batches() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  folded int;
BEGIN
  WITH taken AS (
    DELETE FROM moed.batch_delta d
     WHERE d.id = ANY (ARRAY(SELECT u.id FROM moed.batch_delta u ORDER BY u.id LIMIT 10000 FOR UPDATE SKIP LOCKED))
    RETURNING d.*
  )
  INSERT INTO moed.batch_count AS c
  SELECT t.batch_id, sum(t.lines), sum(t.line_errors), sum(t.completed), sum(t.failed), sum(t.expired), sum(t.cancelled),
         sum(t.pruned), sum(t.attempts), sum(t.prompt_tokens), sum(t.cached_tokens), sum(t.completion_tokens),
         sum(t.reasoning_tokens), max(t.last_end)
    FROM taken t WHERE EXISTS (SELECT FROM moed.batch b WHERE b.id = t.batch_id) GROUP BY t.batch_id ORDER BY t.batch_id
  ON CONFLICT (batch_id) DO UPDATE
     SET lines = c.lines + excluded.lines, line_errors = c.line_errors + excluded.line_errors,
         completed = c.completed + excluded.completed, failed = c.failed + excluded.failed,
         expired = c.expired + excluded.expired, cancelled = c.cancelled + excluded.cancelled,
         pruned = c.pruned + excluded.pruned, attempts = c.attempts + excluded.attempts,
         prompt_tokens = c.prompt_tokens + excluded.prompt_tokens, cached_tokens = c.cached_tokens + excluded.cached_tokens,
         completion_tokens = c.completion_tokens + excluded.completion_tokens,
         reasoning_tokens = c.reasoning_tokens + excluded.reasoning_tokens,
         last_end = greatest(c.last_end, excluded.last_end);
  GET DIAGNOSTICS folded = ROW_COUNT;
  RETURN folded;
END $$;
COMMENT ON FUNCTION moed.fold_batches() IS 'Adds moed.batch_delta up into moed.batch_count; returns for how many batches. Workers and gateways call it every few seconds.';
