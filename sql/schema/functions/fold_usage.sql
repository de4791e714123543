CREATE FUNCTION moed.fold_usage() RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.fold_batches();
  WITH due AS MATERIALIZED (
    SELECT d.id, d.tenant_id FROM moed.usage_delta d
  ), free AS MATERIALIZED (
    -- A tenant whose row is locked waits for a later call.
    SELECT u.tenant_id FROM moed.tenant_usage u
     WHERE u.tenant_id IN (SELECT d.tenant_id FROM due d) FOR UPDATE SKIP LOCKED
  ), taken AS (
    DELETE FROM moed.usage_delta d
     WHERE d.id = ANY (ARRAY(
       SELECT u.id FROM moed.usage_delta u
        WHERE u.id = ANY (ARRAY(
          SELECT e.id FROM due e
           WHERE e.tenant_id IN (SELECT f.tenant_id FROM free f)
              OR NOT EXISTS (SELECT FROM moed.tenant_usage t WHERE t.tenant_id = e.tenant_id)))
          FOR UPDATE SKIP LOCKED)) RETURNING d.*
  ), added AS (
    SELECT d.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date AS today, sum(d.jobs) AS jobs,
           coalesce(sum(d.billed_tokens) FILTER (WHERE d.day = (clock_timestamp() AT TIME ZONE 'UTC')::date), 0) AS billed,
           sum(d.served_tokens) AS served,
           coalesce(sum(d.spent) FILTER (WHERE d.day = (clock_timestamp() AT TIME ZONE 'UTC')::date), 0) AS spent
      FROM taken d GROUP BY d.tenant_id
  ), folded AS (
    INSERT INTO moed.tenant_usage AS u (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at, spent)
    SELECT a.tenant_id, a.today, a.billed, a.jobs, a.served, clock_timestamp(), a.spent FROM added a ORDER BY a.tenant_id
    ON CONFLICT (tenant_id) DO UPDATE
       SET billed_tokens = excluded.billed_tokens + CASE WHEN u.day = excluded.day THEN u.billed_tokens ELSE 0 END,
           spent = excluded.spent + CASE WHEN u.day = excluded.day THEN u.spent ELSE 0 END,
           served_jobs = excluded.served_jobs + u.served_jobs * moed.decay(excluded.folded_at - u.folded_at),
           served_tokens = excluded.served_tokens + u.served_tokens * moed.decay(excluded.folded_at - u.folded_at),
           day = excluded.day, folded_at = excluded.folded_at
    RETURNING u.tenant_id
  )
  SELECT count(*)::int FROM folded
$$;
COMMENT ON FUNCTION moed.fold_usage() IS 'Adds moed.usage_delta up into moed.tenant_usage, and calls moed.fold_batches(); returns for how many tenants. Workers call it every few seconds.';
