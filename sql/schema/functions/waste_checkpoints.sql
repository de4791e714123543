-- A checkpoint does not tell thinking from answer: the tokens count as thinking in a thinking job, else as answer.
CREATE FUNCTION moed.waste_checkpoints(jobs bigint[]) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  WITH gone AS (
    DELETE FROM moed.job_checkpoint k WHERE k.job_id = ANY (jobs)
    RETURNING k.job_id, k.lease_token, k.mode, k.computed_by, cardinality(k.token_ids) AS tokens
  ), attempt AS (
    SELECT g.job_id, g.lease_token, max(g.mode) AS mode, max(g.computed_by) AS computed_by, sum(g.tokens)::int AS tokens
      FROM gone g GROUP BY g.job_id, g.lease_token
  ), booked AS (
    -- An attempt that ended with an account of its own has counted them.
    INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens, cached_tokens,
      thinking_tokens, injected_tokens, answer_tokens, recomputed_tokens, wall_ms, asked_model_id, asked_mode, origin_id)
    SELECT a.job_id, a.lease_token, 'wasted', j.tenant_id, coalesce(m.id, j.model_id), r.mode, 0, 0,
           CASE r.mode WHEN 'thinking' THEN a.tokens ELSE 0 END, 0, CASE r.mode WHEN 'thinking' THEN 0 ELSE a.tokens END,
           0, 0, j.model_id, j.mode, o.id
      FROM attempt a
      JOIN moed.job j ON j.id = a.job_id
      CROSS JOIN LATERAL (SELECT coalesce(a.mode, j.mode) AS mode) r
      LEFT JOIN LATERAL (SELECT p.id, p.model FROM moed.origin p WHERE p.digest = a.computed_by ORDER BY p.id LIMIT 1) o ON true
      LEFT JOIN moed.model m ON m.name = o.model
    ON CONFLICT DO NOTHING
  )
  SELECT count(*)::int FROM gone
$$;
COMMENT ON FUNCTION moed.waste_checkpoints(bigint[]) IS 'Deletes checkpoints of jobs that end without an answer, and books their tokens as wasted. Returns the number of pieces.';
