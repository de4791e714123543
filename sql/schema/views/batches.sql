CREATE VIEW moed.batches WITH (security_invoker = true) AS
SELECT b.id, b.name, coalesce(t.name, (SELECT min(n.name) FROM moed.tenant_request n WHERE n.tenant_id = b.tenant_id)) AS tenant,
  CASE WHEN b.sealed_at IS NULL AND b.cancelled_at IS NULL THEN 'validating'
       WHEN c.unfinished > 0 THEN CASE WHEN b.cancelled_at IS NULL THEN 'in_progress' ELSE 'cancelling' END
       WHEN c.cancelled > 0 OR b.sealed_at IS NULL THEN 'cancelled'
       WHEN c.completed > 0 OR c.pruned > 0 OR EXISTS (
         SELECT FROM moed.batch_line l JOIN moed.token_ledger g ON g.job_id = l.job_id WHERE l.batch_id = b.id) THEN 'completed'
       ELSE 'failed' END AS status,
  c.lines, c.unfinished, c.completed, c.failed, c.cancelled, c.line_errors, c.pruned,
  c.prompt_tokens, c.cached_tokens, c.completion_tokens, c.total_tokens,
  b.created_at, b.cancelled_at, CASE WHEN c.unfinished = 0 AND b.sealed_at IS NOT NULL THEN c.last_end END AS finished_at,
  c.truncated, c.empty
FROM moed.batch b
LEFT JOIN moed.tenant t ON t.id = b.tenant_id
CROSS JOIN LATERAL (
  SELECT count(*) AS lines,
    count(*) FILTER (WHERE j.id IS NOT NULL AND j.finished_at IS NULL) AS unfinished,
    count(*) FILTER (WHERE j.state = 'succeeded') AS completed,
    count(*) FILTER (WHERE j.state = 'failed') AS failed,
    count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE l.job_id IS NULL) AS line_errors,
    count(*) FILTER (WHERE l.job_id IS NOT NULL AND j.id IS NULL) AS pruned,
    coalesce(sum(g.prompt_tokens), 0) AS prompt_tokens, coalesce(sum(g.cached_tokens), 0) AS cached_tokens,
    coalesce(sum(coalesce(g.completion_tokens, g.told_completion_tokens)), 0) AS completion_tokens,
    coalesce(sum(coalesce(g.total_tokens, g.prompt_tokens + g.told_completion_tokens)), 0) AS total_tokens,
    max(j.finished_at) AS last_end,
    count(*) FILTER (WHERE g.truncated) AS truncated, count(*) FILTER (WHERE g.empty) AS empty
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
  WHERE l.batch_id = b.id) c;
COMMENT ON VIEW moed.batches IS 'Progress and usage of batches. lines = unfinished + completed + failed + cancelled + line_errors + pruned.';
COMMENT ON COLUMN moed.batches.id IS 'Batch, for moed.export_batch() and moed.cancel_batch().';
COMMENT ON COLUMN moed.batches.name IS 'Name given at import.';
COMMENT ON COLUMN moed.batches.tenant IS 'Owner of the batch.';
COMMENT ON COLUMN moed.batches.status IS 'validating (lines are being added), in_progress, cancelling, cancelled, failed (no line of it ran) or completed.';
COMMENT ON COLUMN moed.batches.lines IS 'Lines of the file, empty ones not counted.';
COMMENT ON COLUMN moed.batches.unfinished IS 'Jobs that wait or run.';
COMMENT ON COLUMN moed.batches.completed IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.batches.failed IS 'Jobs that failed.';
COMMENT ON COLUMN moed.batches.cancelled IS 'Jobs that were cancelled.';
COMMENT ON COLUMN moed.batches.line_errors IS 'Lines at fault, see moed.batch_line.';
COMMENT ON COLUMN moed.batches.pruned IS 'Jobs that were deleted after their retention.';
COMMENT ON COLUMN moed.batches.prompt_tokens IS 'Sum over succeeded jobs, from the ledger.';
COMMENT ON COLUMN moed.batches.cached_tokens IS 'Of these, taken from a cached prefix.';
COMMENT ON COLUMN moed.batches.completion_tokens IS 'Sum over succeeded jobs.';
COMMENT ON COLUMN moed.batches.total_tokens IS 'prompt + completion.';
COMMENT ON COLUMN moed.batches.created_at IS 'When it was imported.';
COMMENT ON COLUMN moed.batches.cancelled_at IS 'When its cancellation was asked for.';
COMMENT ON COLUMN moed.batches.finished_at IS 'When its last job ended; NULL while some have not.';
COMMENT ON COLUMN moed.batches.truncated IS 'Jobs that succeeded with an answer that max_tokens or the end of the context ended, pruned ones included.';
COMMENT ON COLUMN moed.batches.empty IS 'Jobs that succeeded with an empty answer, pruned ones included.';
