-- A few of each at a call: workers call moed.prune() every minute. It runs with its owner's rights: a worker may not delete
-- these rows.
CREATE FUNCTION moed.prune_remains(before timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  WITH empty AS MATERIALIZED (
    SELECT b.id FROM moed.batch b
     WHERE b.created_at < before AND NOT EXISTS (SELECT FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id WHERE l.batch_id = b.id)
     ORDER BY b.created_at LIMIT 10 FOR UPDATE OF b SKIP LOCKED
  )
  DELETE FROM moed.batch b USING empty e WHERE b.id = e.id;
  DELETE FROM moed.worker w
   WHERE w.id IN (SELECT o.id FROM moed.worker o WHERE o.stopped_at < before
                   AND NOT EXISTS (SELECT FROM moed.job j WHERE j.state = 'running' AND j.leased_by = o.id)
                   ORDER BY o.id LIMIT 1000 FOR UPDATE OF o SKIP LOCKED);
END $$;
COMMENT ON FUNCTION moed.prune_remains(timestamptz) IS 'Deletes batches imported before an instant whose jobs are gone, and workers that stopped before it.';
