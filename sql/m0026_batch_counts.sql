-- Counts of batches are kept while jobs end, so that a poll of a batch reads a few rows, whatever its size.

CREATE INDEX batch_line_error_idx ON moed.batch_line (batch_id, line) WHERE job_id IS NULL;

-- As with moed.usage_delta: sessions only insert here, and nobody waits for another's transaction.
CREATE TABLE moed.batch_delta (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id          uuid NOT NULL,
  lines             bigint NOT NULL DEFAULT 0,
  line_errors       bigint NOT NULL DEFAULT 0,
  completed         bigint NOT NULL DEFAULT 0,
  failed            bigint NOT NULL DEFAULT 0,
  expired           bigint NOT NULL DEFAULT 0,
  cancelled         bigint NOT NULL DEFAULT 0,
  pruned            bigint NOT NULL DEFAULT 0,
  attempts          bigint NOT NULL DEFAULT 0,
  prompt_tokens     bigint NOT NULL DEFAULT 0,
  cached_tokens     bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  reasoning_tokens  bigint NOT NULL DEFAULT 0,
  last_end          timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE moed.batch_delta IS 'Changes of counts of batches that are not yet in moed.batch_count.';
COMMENT ON COLUMN moed.batch_delta.id IS 'Key: logical replication finds deleted rows by it.';
COMMENT ON COLUMN moed.batch_delta.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_delta.lines IS 'Lines added.';
COMMENT ON COLUMN moed.batch_delta.line_errors IS 'Lines at fault among them.';
COMMENT ON COLUMN moed.batch_delta.completed IS 'Jobs that succeeded, less those that were pruned.';
COMMENT ON COLUMN moed.batch_delta.failed IS 'Jobs that failed, less those that were queued again or pruned.';
COMMENT ON COLUMN moed.batch_delta.expired IS 'Failed jobs with the code expired.';
COMMENT ON COLUMN moed.batch_delta.cancelled IS 'Jobs that were cancelled, less those that were queued again or pruned.';
COMMENT ON COLUMN moed.batch_delta.pruned IS 'Jobs that were deleted.';
COMMENT ON COLUMN moed.batch_delta.attempts IS 'Ledger rows: zero in all tells that no job ran.';
COMMENT ON COLUMN moed.batch_delta.prompt_tokens IS 'Prompt tokens of jobs that succeeded.';
COMMENT ON COLUMN moed.batch_delta.cached_tokens IS 'Prompt tokens from a cached prefix.';
COMMENT ON COLUMN moed.batch_delta.completion_tokens IS 'Completion tokens of jobs that succeeded.';
COMMENT ON COLUMN moed.batch_delta.reasoning_tokens IS 'Thinking and injected tokens among the completion tokens.';
COMMENT ON COLUMN moed.batch_delta.last_end IS 'When the last of these jobs ended.';

CREATE INDEX batch_delta_batch_idx ON moed.batch_delta (batch_id);

-- No foreign key: a transaction that deletes the batch would keep the folding waiting. Trigger batch_forget deletes the row.
CREATE TABLE moed.batch_count (
  batch_id          uuid PRIMARY KEY,
  lines             bigint NOT NULL,
  line_errors       bigint NOT NULL,
  completed         bigint NOT NULL,
  failed            bigint NOT NULL,
  expired           bigint NOT NULL,
  cancelled         bigint NOT NULL,
  pruned            bigint NOT NULL,
  attempts          bigint NOT NULL,
  prompt_tokens     bigint NOT NULL,
  cached_tokens     bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  reasoning_tokens  bigint NOT NULL,
  last_end          timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE moed.batch_count IS 'Counts of batches. Add moed.batch_delta to them, or read moed.batches.';
COMMENT ON COLUMN moed.batch_count.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_count.lines IS 'Lines of the file, empty ones not counted.';
COMMENT ON COLUMN moed.batch_count.line_errors IS 'Lines at fault.';
COMMENT ON COLUMN moed.batch_count.completed IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.batch_count.failed IS 'Jobs that failed.';
COMMENT ON COLUMN moed.batch_count.expired IS 'Failed jobs with the code expired.';
COMMENT ON COLUMN moed.batch_count.cancelled IS 'Jobs that were cancelled.';
COMMENT ON COLUMN moed.batch_count.pruned IS 'Jobs that were deleted after their retention.';
COMMENT ON COLUMN moed.batch_count.attempts IS 'Ledger rows of its jobs.';
COMMENT ON COLUMN moed.batch_count.prompt_tokens IS 'Prompt tokens of jobs that succeeded, pruned ones included.';
COMMENT ON COLUMN moed.batch_count.cached_tokens IS 'Prompt tokens from a cached prefix.';
COMMENT ON COLUMN moed.batch_count.completion_tokens IS 'Completion tokens of jobs that succeeded, pruned ones included.';
COMMENT ON COLUMN moed.batch_count.reasoning_tokens IS 'Thinking and injected tokens among the completion tokens.';
COMMENT ON COLUMN moed.batch_count.last_end IS 'When the last job ended; a job that is queued again changes it at its next end.';

CREATE FUNCTION moed.count_lines() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  INSERT INTO moed.batch_delta (batch_id, lines, line_errors)
  SELECT n.batch_id, count(*), count(*) FILTER (WHERE n.job_id IS NULL) FROM new_rows n GROUP BY n.batch_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.count_lines() IS 'Adds new lines of batches to moed.batch_delta.';

-- It joins neither transition table with the other: a plan made for one row would compare each row with each.
CREATE FUNCTION moed.count_ends() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Most statements end no job.
    IF EXISTS (SELECT FROM new_rows n WHERE n.finished_at IS NOT NULL) THEN
      INSERT INTO moed.batch_delta (batch_id, completed, failed, expired, cancelled, last_end)
      SELECT l.batch_id, count(*) FILTER (WHERE n.state = 'succeeded'), count(*) FILTER (WHERE n.state = 'failed'),
             count(*) FILTER (WHERE n.state = 'failed' AND EXISTS (
               SELECT FROM moed.job_result r WHERE r.job_id = n.id AND r.error_code = 'expired')),
             count(*) FILTER (WHERE n.state = 'cancelled'), max(n.finished_at)
        FROM new_rows n JOIN moed.batch_line l ON l.job_id = n.id
       WHERE n.finished_at IS NOT NULL GROUP BY l.batch_id;
    END IF;
  END IF;
  IF EXISTS (SELECT FROM old_rows o WHERE o.finished_at IS NOT NULL) THEN
    INSERT INTO moed.batch_delta (batch_id, completed, failed, expired, cancelled, pruned)
    SELECT l.batch_id, -count(*) FILTER (WHERE o.state = 'succeeded'), -count(*) FILTER (WHERE o.state = 'failed'),
           -count(*) FILTER (WHERE o.state = 'failed' AND EXISTS (
             SELECT FROM moed.job_result r WHERE r.job_id = o.id AND r.error_code = 'expired')),
           -count(*) FILTER (WHERE o.state = 'cancelled'), 0
      FROM old_rows o JOIN moed.batch_line l ON l.job_id = o.id
     WHERE o.finished_at IS NOT NULL GROUP BY l.batch_id;
  END IF;
  IF TG_OP = 'DELETE' THEN
    INSERT INTO moed.batch_delta (batch_id, pruned)
    SELECT l.batch_id, count(*) FROM old_rows o JOIN moed.batch_line l ON l.job_id = o.id GROUP BY l.batch_id;
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.count_ends() IS 'Adds ends of jobs, jobs that are queued again and deleted jobs to moed.batch_delta.';

CREATE FUNCTION moed.batch_forget() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  DELETE FROM moed.batch_count c USING old_rows o WHERE c.batch_id = o.id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.batch_forget() IS 'Deletes the counts of deleted batches.';

CREATE OR REPLACE FUNCTION moed.note_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens)
  SELECT n.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, count(*),
         coalesce(sum(c.tokens) FILTER (WHERE n.kind = 'final'), 0), sum(c.tokens)
    FROM new_rows n CROSS JOIN LATERAL (
      SELECT coalesce(n.total_tokens, coalesce(n.prompt_tokens, 0) + coalesce(n.told_completion_tokens, 0)) AS tokens) c
    GROUP BY n.tenant_id;
  INSERT INTO moed.batch_delta (batch_id, attempts, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens)
  SELECT l.batch_id, count(*), coalesce(sum(n.prompt_tokens) FILTER (WHERE n.kind = 'final'), 0),
         coalesce(sum(n.cached_tokens) FILTER (WHERE n.kind = 'final'), 0),
         coalesce(sum(coalesce(n.completion_tokens, n.told_completion_tokens)) FILTER (WHERE n.kind = 'final'), 0),
         coalesce(sum(n.thinking_tokens + n.injected_tokens) FILTER (WHERE n.kind = 'final'), 0)
    FROM new_rows n JOIN moed.batch_line l ON l.job_id = n.job_id GROUP BY l.batch_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.note_usage() IS 'Adds the usage of new ledger rows to moed.usage_delta and moed.batch_delta.';

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

CREATE OR REPLACE FUNCTION moed.fold_usage() RETURNS int
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

-- Compiling the statement takes a hundred times as long as running it.
CREATE OR REPLACE FUNCTION moed.api_batches(key text, only_batch uuid DEFAULT NULL, after_batch uuid DEFAULT NULL, max_batches int DEFAULT 1)
RETURNS TABLE (
  id uuid, status text, input_file uuid, time_window text, metadata json, created_at timestamptz, sealed_at timestamptz,
  expires_at timestamptz, finished_at timestamptz, cancelled_at timestamptz, total bigint, completed bigint, failed bigint,
  prompt_tokens bigint, cached_tokens bigint, completion_tokens bigint, reasoning_tokens bigint, model text,
  has_output boolean, has_errors boolean, line_errors json)
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
    e.has_ended AND c.completed > 0 AND NOT 'output' = ANY (p.deleted_outputs),
    e.has_ended AND c.lines > c.completed AND NOT 'error' = ANY (p.deleted_outputs),
    CASE WHEN c.line_errors > 0 THEN (
      SELECT json_agg(json_build_object('code', e.error_code, 'message', e.error_message, 'param', e.error_param, 'line', e.line)
                      ORDER BY e.line)
        FROM (SELECT * FROM moed.batch_line l WHERE l.batch_id = p.id AND l.job_id IS NULL ORDER BY l.line LIMIT 100) e) END
    FROM (
      SELECT b.* FROM moed.batch b LEFT JOIN moed.batch a ON a.id = after_batch AND a.tenant_id = owner_id
       WHERE b.tenant_id = owner_id AND (only_batch IS NULL OR b.id = only_batch)
         AND (after_batch IS NULL OR (b.created_at, b.id) < (a.created_at, a.id))
       ORDER BY b.created_at DESC, b.id DESC LIMIT max_batches) AS p
    CROSS JOIN LATERAL moed.batch_counts(p.id) AS c
    CROSS JOIN LATERAL (SELECT p.sealed_at IS NOT NULL AND c.unfinished = 0 AS has_ended) AS e
   ORDER BY p.created_at DESC, p.id DESC;
END $$;
COMMENT ON FUNCTION moed.api_batches(text, uuid, uuid, int) IS 'For the gateway: batches of a key''s tenant, newest first, in a time that their sizes do not change.';

-- The last part and the seal are two transactions: see moed.seal_batch().
CREATE OR REPLACE FUNCTION moed.api_import_step() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  state record;
  slice text;
  added record;
BEGIN
  SELECT i.*, b.expires_at, b.cancelled_at INTO state
    FROM moed.batch_import i JOIN moed.batch b ON b.id = i.batch_id
   WHERE i.file_id IS NOT NULL ORDER BY i.touched_at LIMIT 1 FOR UPDATE OF i SKIP LOCKED;
  IF NOT FOUND THEN
    PERFORM moed.fold_batches();
    WITH expired AS MATERIALIZED (
      SELECT o.id FROM moed.api_file o WHERE o.expires_at < now() ORDER BY o.expires_at LIMIT 10 FOR UPDATE SKIP LOCKED
    ), abandoned AS MATERIALIZED (
      SELECT o.id FROM moed.api_file o WHERE o.uploaded_at IS NULL AND o.created_at < now() - interval '1 day'
       ORDER BY o.created_at LIMIT 10 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM moed.api_file f
     WHERE f.id IN (SELECT e.id FROM expired e UNION ALL SELECT a.id FROM abandoned a)
       AND NOT EXISTS (SELECT FROM moed.batch_import i WHERE i.file_id = f.id);
    RETURN false;
  END IF;
  IF state.cancelled_at IS NULL THEN
    SELECT p.content INTO slice FROM moed.api_file_part p WHERE p.file_id = state.file_id AND p.part = state.next_part;
  END IF;
  IF slice IS NULL THEN
    PERFORM moed.seal_batch(state.batch_id);
    RETURN true;
  END IF;
  BEGIN
    SELECT * INTO added FROM moed.add_lines(
      state.batch_id, slice, state.lines, state.tenant, state.priority, state.run_at, state.expires_at, state.reasoning,
      state.model, moed.call_stamp(current_user));
  EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded OR raise_exception THEN
    -- One part that the database refuses must not hold up the files behind it.
    SELECT array_length(string_to_array(slice, E'\n'), 1) - 1 AS read_lines INTO added;
    INSERT INTO moed.batch_line (batch_id, line, error_code, error_message)
    VALUES (state.batch_id, state.lines + 1, 'import_failed', left('this line and those after it were refused: ' || SQLERRM, 1000));
  END;
  UPDATE moed.batch_import i
     SET next_part = i.next_part + 1, lines = i.lines + coalesce(added.read_lines, 0), touched_at = clock_timestamp()
   WHERE i.batch_id = state.batch_id;
  RETURN true;
END $$;
COMMENT ON FUNCTION moed.api_import_step() IS 'For the gateway: adds one part of one file to its batch, or deletes expired files when there is none. Returns true when it found a batch.';

CREATE TRIGGER count_lines AFTER INSERT ON moed.batch_line
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.count_lines();
CREATE TRIGGER batch_forget AFTER DELETE ON moed.batch
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.batch_forget();

-- Triggers fire in the order of their names: results are counted before job_forget deletes them.
CREATE TRIGGER count_deletions AFTER DELETE ON moed.job
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.count_ends();
CREATE TRIGGER count_ends AFTER UPDATE ON moed.job
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.count_ends();

-- The triggers hold writers of jobs and lines back until this transaction ends, so that nothing is counted twice.
LOCK TABLE moed.token_ledger IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO moed.batch_count
SELECT b.id, count(l.line), count(l.line) FILTER (WHERE l.job_id IS NULL), count(*) FILTER (WHERE j.state = 'succeeded'),
       count(*) FILTER (WHERE j.state = 'failed'), count(*) FILTER (WHERE j.state = 'failed' AND r.error_code = 'expired'),
       count(*) FILTER (WHERE j.state = 'cancelled'), count(*) FILTER (WHERE l.job_id IS NOT NULL AND j.id IS NULL),
       coalesce(sum(g.attempts), 0), coalesce(sum(g.prompt_tokens), 0), coalesce(sum(g.cached_tokens), 0),
       coalesce(sum(g.completion_tokens), 0), coalesce(sum(g.reasoning_tokens), 0), max(j.finished_at)
  FROM moed.batch b
  LEFT JOIN moed.batch_line l ON l.batch_id = b.id
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id
  LEFT JOIN (
    SELECT t.job_id, count(*) AS attempts, sum(t.prompt_tokens) FILTER (WHERE t.kind = 'final') AS prompt_tokens,
           sum(t.cached_tokens) FILTER (WHERE t.kind = 'final') AS cached_tokens,
           sum(coalesce(t.completion_tokens, t.told_completion_tokens)) FILTER (WHERE t.kind = 'final') AS completion_tokens,
           sum(t.thinking_tokens + t.injected_tokens) FILTER (WHERE t.kind = 'final') AS reasoning_tokens
      FROM moed.token_ledger t WHERE EXISTS (SELECT FROM moed.batch_line n WHERE n.job_id = t.job_id) GROUP BY t.job_id) g
    ON g.job_id = l.job_id
 GROUP BY b.id;
