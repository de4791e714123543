-- What an administrator does: pause, prune, price, look.

CREATE INDEX job_prune_idx ON moed.job (finished_at) WHERE finished_at IS NOT NULL;

CREATE FUNCTION moed.set_paused(kind text, name text, paused boolean) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF kind = 'tenant' THEN
    UPDATE moed.tenant t SET paused_at = CASE WHEN paused THEN coalesce(t.paused_at, clock_timestamp()) END
     WHERE t.name = set_paused.name;
  ELSIF kind IN ('model', 'all') THEN
    UPDATE moed.model m SET paused_at = CASE WHEN paused THEN coalesce(m.paused_at, clock_timestamp()) END
     WHERE kind = 'all' OR m.name = set_paused.name;
  ELSE
    RAISE EXCEPTION 'kind must be all, model or tenant, not "%"', kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no % "%"', kind, set_paused.name USING ERRCODE = 'undefined_object',
      HINT = format('SELECT name FROM moed.%s lists them.', kind);
  END IF;
  IF NOT paused THEN PERFORM moed.wake_idle(); END IF;
  RETURN (SELECT count(*) FROM moed.model m WHERE m.paused_at IS NOT NULL)
       + (SELECT count(*) FROM moed.tenant t WHERE t.paused_at IS NOT NULL);
END $$;
COMMENT ON FUNCTION moed.set_paused(text, text, boolean) IS 'What moed.pause() and moed.resume() share.';

CREATE FUNCTION moed.pause(kind text, name text DEFAULT NULL) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$ SELECT moed.set_paused(kind, name, true) $$;
COMMENT ON FUNCTION moed.pause(text, text) IS 'Starts no more jobs: moed.pause(''all''), moed.pause(''model'', name), moed.pause(''tenant'', name). Running jobs go on; enqueueing too. ''all'' is every model known by now. Returns how many models and tenants are paused afterwards.';

CREATE FUNCTION moed.resume(kind text, name text DEFAULT NULL) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$ SELECT moed.set_paused(kind, name, false) $$;
COMMENT ON FUNCTION moed.resume(text, text) IS 'Ends a pause; ''all'' ends those of all models. Returns how many models and tenants are still paused.';

CREATE FUNCTION moed.prune(older_than interval, max_jobs int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  pruned int;
BEGIN
  IF older_than IS NULL OR older_than < interval '0' THEN
    RAISE EXCEPTION 'older_than must be a length of time, not %', coalesce(older_than::text, 'NULL')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  WITH ended AS MATERIALIZED (
    SELECT j.id FROM moed.job j WHERE j.finished_at < clock_timestamp() - older_than
     ORDER BY j.finished_at LIMIT max_jobs FOR UPDATE SKIP LOCKED
  )
  DELETE FROM moed.job j USING ended e WHERE j.id = e.id;
  GET DIAGNOSTICS pruned = ROW_COUNT;
  RETURN pruned;
END $$;
COMMENT ON FUNCTION moed.prune(interval, int) IS 'Deletes up to max_jobs jobs that ended longer ago, the oldest first, with request, result and history; the token account stays. Returns how many. Idempotency keys of deleted jobs may be used again.';

CREATE TABLE moed.price (
  model      text NOT NULL REFERENCES moed.model (name),
  valid_from timestamptz NOT NULL DEFAULT '-infinity',
  prompt     numeric NOT NULL CHECK (prompt >= 0),
  cached     numeric NOT NULL CHECK (cached >= 0),
  completion numeric NOT NULL CHECK (completion >= 0),
  PRIMARY KEY (model, valid_from)
);
COMMENT ON TABLE moed.price IS 'Prices per million tokens, in whatever currency you count. A change is a new row with a later valid_from.';
COMMENT ON COLUMN moed.price.model IS 'moed.model.name.';
COMMENT ON COLUMN moed.price.valid_from IS 'First instant it holds; until the next row''s.';
COMMENT ON COLUMN moed.price.prompt IS 'Per million prompt tokens that were computed.';
COMMENT ON COLUMN moed.price.cached IS 'Per million prompt tokens taken from a cached prefix.';
COMMENT ON COLUMN moed.price.completion IS 'Per million completion tokens: thinking, injected and answer.';

CREATE VIEW moed.cost_daily WITH (security_invoker = true) AS
SELECT (l.created_at AT TIME ZONE 'UTC')::date AS day, t.name AS tenant, m.name AS model, l.mode, count(*) AS jobs,
  sum((l.prompt_tokens - l.cached_tokens) * p.prompt + l.cached_tokens * p.cached
      + l.completion_tokens * p.completion) / 1000000 AS cost,
  count(*) FILTER (WHERE p.model IS NULL) AS jobs_without_price
FROM moed.token_ledger l
JOIN moed.tenant t ON t.id = l.tenant_id
JOIN moed.model m ON m.id = l.model_id
LEFT JOIN LATERAL (
  SELECT p.* FROM moed.price p WHERE p.model = m.name AND p.valid_from <= l.created_at
   ORDER BY p.valid_from DESC LIMIT 1) p ON true
WHERE l.kind = 'final'
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.cost_daily IS 'What succeeded jobs cost by moed.price, exact. Wasted and recomputed tokens cost nothing.';
COMMENT ON COLUMN moed.cost_daily.day IS 'Day of completion, UTC.';
COMMENT ON COLUMN moed.cost_daily.tenant IS 'Who the jobs were for.';
COMMENT ON COLUMN moed.cost_daily.model IS 'Model asked for.';
COMMENT ON COLUMN moed.cost_daily.mode IS 'thinking or non_thinking.';
COMMENT ON COLUMN moed.cost_daily.jobs IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.cost_daily.cost IS 'Their cost; NULL when none had a price.';
COMMENT ON COLUMN moed.cost_daily.jobs_without_price IS 'Jobs among them that no price held for: not in cost.';

CREATE VIEW moed.health WITH (security_invoker = true) AS
SELECT
  (SELECT count(*) FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp()) AS workers_alive,
  (SELECT count(*) FROM moed.job j WHERE j.state = 'running') AS jobs_running,
  (SELECT clock_timestamp() - min(greatest(j.created_at, j.run_at)) FROM moed.job j WHERE j.state = 'queued')
    AS oldest_queued_age,
  (SELECT s.n_dead_tup FROM pg_stat_user_tables s WHERE s.relid = 'moed.job'::regclass) AS dead_job_rows,
  (SELECT clock_timestamp() - min(a.xact_start) FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()) AS oldest_transaction_age,
  pg_notification_queue_usage() AS notify_queue_usage;
COMMENT ON VIEW moed.health IS 'One row to watch: are there workers, does anything wait too long, does the database keep up.';
COMMENT ON COLUMN moed.health.workers_alive IS 'Daemons whose lease holds.';
COMMENT ON COLUMN moed.health.jobs_running IS 'Jobs that are running.';
COMMENT ON COLUMN moed.health.oldest_queued_age IS 'How long the oldest queued job has been due; NULL when none waits.';
COMMENT ON COLUMN moed.health.dead_job_rows IS 'Dead rows of moed.job, about; when they grow without end, something keeps vacuum from removing them.';
COMMENT ON COLUMN moed.health.oldest_transaction_age IS 'Age of the oldest open transaction of this database: what keeps vacuum back.';
COMMENT ON COLUMN moed.health.notify_queue_usage IS 'Part of PostgreSQL''s notification queue that is filled, 0 to 1.';
