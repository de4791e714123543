-- Tenants: who is asking, what each used, and how much of the machine is its.

ALTER TABLE moed.tenant
  ADD COLUMN db_role name UNIQUE,
  ADD COLUMN tokens_per_day bigint CHECK (tokens_per_day > 0);
COMMENT ON COLUMN moed.tenant.db_role IS 'Database role whose rows these are: a member of moed_client sees and changes the jobs of its own tenant only. Matters once `moed migrate --roles` was run.';
COMMENT ON COLUMN moed.tenant.tokens_per_day IS 'Once its succeeded jobs have used so many tokens since midnight UTC, no more are started until the next midnight; running ones end as usual. NULL is no limit.';

-- The role of the session, not current_user: in a SECURITY DEFINER function that would be the function's owner. A
-- session can only SET ROLE to what it is a member of.
CREATE FUNCTION moed.caller() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END
$$;
COMMENT ON FUNCTION moed.caller() IS 'Role that is asking: of the session, or as set by SET ROLE.';

CREATE FUNCTION moed.is_confined() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT c.relrowsecurity AND NOT EXISTS (
      SELECT FROM pg_roles r WHERE r.rolname IN ('moed_owner', 'moed_worker', 'moed_operator')
         AND pg_has_role(moed.caller(), r.oid, 'USAGE'))
    FROM pg_class c WHERE c.oid = 'moed.job'::regclass
$$;
COMMENT ON FUNCTION moed.is_confined() IS 'Whether the caller acts for its own tenant only: row security is on, and it is neither worker, operator nor owner.';

CREATE FUNCTION moed.own_tenant() RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT t.id FROM moed.tenant t WHERE t.db_role = moed.caller()
$$;
COMMENT ON FUNCTION moed.own_tenant() IS 'Tenant of the calling role, by moed.tenant.db_role; NULL when it has none.';

CREATE FUNCTION moed.may_touch(tenant_id int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT moed.is_confined() OR coalesce(may_touch.tenant_id = moed.own_tenant(), false)
$$;
COMMENT ON FUNCTION moed.may_touch(int) IS 'Whether the caller may act on jobs of a tenant.';

CREATE FUNCTION moed.tenant_for(tenant_name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  own int;
BEGIN
  -- The first question is the cheap one, and asked for every job.
  IF NOT (SELECT c.relrowsecurity FROM pg_class c WHERE c.oid = 'moed.job'::regclass) OR NOT moed.is_confined() THEN
    RETURN CASE WHEN tenant_name IS NULL THEN 1 ELSE moed.tenant_of(tenant_name) END;
  END IF;
  own := moed.own_tenant();
  IF own IS NULL THEN
    RAISE EXCEPTION 'role "%" has no tenant', moed.caller() USING ERRCODE = 'insufficient_privilege',
      HINT = format('An operator gives it one: INSERT INTO moed.tenant (name, db_role) VALUES (''…'', %L).', moed.caller());
  END IF;
  IF tenant_name <> (SELECT t.name FROM moed.tenant t WHERE t.id = own) THEN
    RAISE EXCEPTION 'tenant "%" is not that of role "%"', tenant_name, moed.caller()
      USING ERRCODE = 'insufficient_privilege', HINT = 'Leave the tenant out: jobs are those of the role''s own.';
  END IF;
  RETURN own;
END $$;
COMMENT ON FUNCTION moed.tenant_for(text) IS 'Tenant that a new job is for: as named, else the caller''s own, else "default".';

-- What was used, per tenant. Workers only ever append here: a counter that all of them update would be one row
-- that they wait for. A fold adds the pieces up every few seconds.
CREATE TABLE moed.usage_delta (
  tenant_id     int NOT NULL,
  day           date NOT NULL,
  jobs          int NOT NULL,
  billed_tokens bigint NOT NULL,
  served_tokens bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE moed.usage_delta IS 'What ledger rows add to moed.tenant_usage and was not added yet.';
COMMENT ON COLUMN moed.usage_delta.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.usage_delta.day IS 'Day, UTC.';
COMMENT ON COLUMN moed.usage_delta.jobs IS 'Ledger rows.';
COMMENT ON COLUMN moed.usage_delta.billed_tokens IS 'Tokens of succeeded jobs.';
COMMENT ON COLUMN moed.usage_delta.served_tokens IS 'Tokens computed for it, wasted ones included.';

CREATE TABLE moed.tenant_usage (
  tenant_id     int PRIMARY KEY,
  day           date NOT NULL,
  billed_tokens bigint NOT NULL,
  served_jobs   double precision NOT NULL,
  served_tokens double precision NOT NULL,
  folded_at     timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE moed.tenant_usage IS 'What each tenant used: today, for its budget, and lately, for its share. Read it in moed.tenants.';
COMMENT ON COLUMN moed.tenant_usage.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.tenant_usage.day IS 'Day of billed_tokens, UTC.';
COMMENT ON COLUMN moed.tenant_usage.billed_tokens IS 'Tokens of the jobs that succeeded on that day.';
COMMENT ON COLUMN moed.tenant_usage.served_jobs IS 'Attempts that ended, each counting half as much after five minutes, as of folded_at.';
COMMENT ON COLUMN moed.tenant_usage.served_tokens IS 'Their tokens, decayed alike.';
COMMENT ON COLUMN moed.tenant_usage.folded_at IS 'When it was brought up to date.';

CREATE FUNCTION moed.decay(age interval) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.power(0.5::double precision, least(100, greatest(0, extract(epoch FROM age)) / 300)::double precision)
$$;
COMMENT ON FUNCTION moed.decay(interval) IS 'How much of what was served so long ago still counts: half after five minutes.';

CREATE FUNCTION moed.note_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens)
  SELECT n.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date, count(*),
         coalesce(sum(n.total_tokens) FILTER (WHERE n.kind = 'final'), 0), sum(n.total_tokens)
    FROM new_rows n GROUP BY n.tenant_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.note_usage() IS 'Keeps what new ledger rows add to their tenants'' usage.';
CREATE TRIGGER note_usage AFTER INSERT ON moed.token_ledger
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION moed.note_usage();

CREATE FUNCTION moed.fold_usage() RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
  WITH taken AS (
    DELETE FROM moed.usage_delta d
     WHERE d.ctid = ANY (ARRAY(SELECT u.ctid FROM moed.usage_delta u FOR UPDATE SKIP LOCKED)) RETURNING d.*
  ), added AS (
    SELECT d.tenant_id, (clock_timestamp() AT TIME ZONE 'UTC')::date AS today, sum(d.jobs) AS jobs,
           coalesce(sum(d.billed_tokens) FILTER (WHERE d.day = (clock_timestamp() AT TIME ZONE 'UTC')::date), 0) AS billed,
           sum(d.served_tokens) AS served
      FROM taken d GROUP BY d.tenant_id
  ), folded AS (
    INSERT INTO moed.tenant_usage AS u (tenant_id, day, billed_tokens, served_jobs, served_tokens, folded_at)
    SELECT a.tenant_id, a.today, a.billed, a.jobs, a.served, clock_timestamp() FROM added a ORDER BY a.tenant_id
    ON CONFLICT (tenant_id) DO UPDATE
       SET billed_tokens = excluded.billed_tokens + CASE WHEN u.day = excluded.day THEN u.billed_tokens ELSE 0 END,
           served_jobs = excluded.served_jobs + u.served_jobs * moed.decay(excluded.folded_at - u.folded_at),
           served_tokens = excluded.served_tokens + u.served_tokens * moed.decay(excluded.folded_at - u.folded_at),
           day = excluded.day, folded_at = excluded.folded_at
    RETURNING u.tenant_id
  )
  SELECT count(*)::int FROM folded
$$;
COMMENT ON FUNCTION moed.fold_usage() IS 'Adds moed.usage_delta up into moed.tenant_usage; returns for how many tenants. Workers call it every few seconds.';

-- What is in the ledger already counts.
INSERT INTO moed.usage_delta (tenant_id, day, jobs, billed_tokens, served_tokens)
SELECT l.tenant_id, (now() AT TIME ZONE 'UTC')::date, 0, sum(l.total_tokens), 0 FROM moed.token_ledger l
 WHERE l.kind = 'final' AND l.created_at >= date_trunc('day', now(), 'UTC') GROUP BY l.tenant_id;

-- One row: a pause of everything is none of the models, which may come and go meanwhile.
CREATE TABLE moed.control (
  id        boolean PRIMARY KEY DEFAULT true CHECK (id),
  paused_at timestamptz
);
COMMENT ON TABLE moed.control IS 'What holds for the whole queue; one row.';
COMMENT ON COLUMN moed.control.id IS 'Always true.';
COMMENT ON COLUMN moed.control.paused_at IS 'When moed.pause(''all'') was called; NULL: it is not paused.';
INSERT INTO moed.control DEFAULT VALUES;

CREATE OR REPLACE FUNCTION moed.set_paused(kind text, name text, paused boolean) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF kind = 'all' THEN
    UPDATE moed.control c SET paused_at = CASE WHEN paused THEN coalesce(c.paused_at, clock_timestamp()) END;
  ELSIF kind = 'tenant' THEN
    UPDATE moed.tenant t SET paused_at = CASE WHEN paused THEN coalesce(t.paused_at, clock_timestamp()) END
     WHERE t.name = set_paused.name;
  ELSIF kind = 'model' THEN
    UPDATE moed.model m SET paused_at = CASE WHEN paused THEN coalesce(m.paused_at, clock_timestamp()) END
     WHERE m.name = set_paused.name;
  ELSE
    RAISE EXCEPTION 'kind must be all, model or tenant, not "%"', kind USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no % "%"', kind, set_paused.name USING ERRCODE = 'undefined_object',
      HINT = format('SELECT name FROM moed.%s lists them.', kind);
  END IF;
  IF NOT paused THEN PERFORM moed.wake_idle(); END IF;
  RETURN (SELECT count(*) FROM moed.model m WHERE m.paused_at IS NOT NULL)
       + (SELECT count(*) FROM moed.tenant t WHERE t.paused_at IS NOT NULL)
       + (SELECT count(*) FROM moed.control c WHERE c.paused_at IS NOT NULL);
END $$;
COMMENT ON FUNCTION moed.pause(text, text) IS 'Starts no more jobs: moed.pause(''all''), moed.pause(''model'', name), moed.pause(''tenant'', name). Running jobs go on; enqueueing too. Returns how many pauses there are afterwards.';
COMMENT ON FUNCTION moed.resume(text, text) IS 'Ends a pause; the end of ''all'' ends no other. Returns how many pauses there still are.';

CREATE VIEW moed.tenants WITH (security_invoker = true) AS
SELECT t.id, t.name, t.weight, t.max_running, t.tokens_per_day, coalesce(u.billed_tokens, 0) AS tokens_today,
  t.paused_at,
  t.paused_at IS NULL AND NOT EXISTS (SELECT FROM moed.control c WHERE c.paused_at IS NOT NULL)
    AND (t.tokens_per_day IS NULL OR coalesce(u.billed_tokens, 0) < t.tokens_per_day) AS may_start,
  coalesce(r.served_jobs * d.part, 0) AS recent_jobs,
  coalesce(r.served_tokens * d.part, 0) AS recent_tokens,
  t.db_role, t.created_at
FROM moed.tenant t
LEFT JOIN moed.tenant_usage r ON r.tenant_id = t.id
LEFT JOIN LATERAL (SELECT r.billed_tokens WHERE r.day = (clock_timestamp() AT TIME ZONE 'UTC')::date) u ON true
LEFT JOIN LATERAL (SELECT moed.decay(clock_timestamp() - r.folded_at) AS part) d ON true;
COMMENT ON VIEW moed.tenants IS 'Tenants with what they used, as of a few seconds ago.';
COMMENT ON COLUMN moed.tenants.id IS 'Key.';
COMMENT ON COLUMN moed.tenants.name IS 'Name given at enqueue.';
COMMENT ON COLUMN moed.tenants.weight IS 'Share relative to other tenants with waiting jobs.';
COMMENT ON COLUMN moed.tenants.max_running IS 'Most jobs running at once; NULL is no cap.';
COMMENT ON COLUMN moed.tenants.tokens_per_day IS 'Budget of a day, UTC; NULL is none.';
COMMENT ON COLUMN moed.tenants.tokens_today IS 'Tokens of jobs that succeeded since midnight UTC.';
COMMENT ON COLUMN moed.tenants.paused_at IS 'When it was paused.';
COMMENT ON COLUMN moed.tenants.may_start IS 'Whether its jobs are started: neither it nor everything is paused, and its budget is not used up.';
COMMENT ON COLUMN moed.tenants.recent_jobs IS 'Attempts that ended, each counting half as much after five minutes.';
COMMENT ON COLUMN moed.tenants.recent_tokens IS 'Their tokens, decayed alike: who got much lately waits for those who did not.';
COMMENT ON COLUMN moed.tenants.db_role IS 'Database role whose rows these are.';
COMMENT ON COLUMN moed.tenants.created_at IS 'When it was added.';

CREATE OR REPLACE FUNCTION moed.cancel(job_id bigint) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  old moed.job_state;
BEGIN
  SELECT j.state INTO old FROM moed.job j WHERE j.id = cancel.job_id AND moed.may_touch(j.tenant_id) FOR UPDATE;
  IF old IN ('queued', 'scheduled') THEN
    UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp() WHERE j.id = cancel.job_id;
    RETURN 'cancelled';
  ELSIF old = 'running' THEN
    UPDATE moed.job j SET cancel_requested_at = coalesce(j.cancel_requested_at, clock_timestamp())
     WHERE j.id = cancel.job_id;
    RETURN 'requested';
  END IF;
  RETURN coalesce(old::text, 'unknown');
END $$;

CREATE OR REPLACE FUNCTION moed.redrive(job_id bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  -- A crashed job keeps its quarantine: it may well crash again.
  UPDATE moed.job j
     SET state = 'queued', finished_at = NULL, started_at = NULL, cancel_requested_at = NULL, attempt = 0, run_at = now()
   WHERE j.id = redrive.job_id AND j.state IN ('failed', 'cancelled') AND moed.may_touch(j.tenant_id);
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM moed.job_result r WHERE r.job_id = redrive.job_id;
  PERFORM moed.wake_idle();
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION moed.cancel_batch(batch uuid) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  stopped int;
BEGIN
  UPDATE moed.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp())
   WHERE b.id = cancel_batch.batch AND moed.may_touch(b.tenant_id);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no batch %', cancel_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  SELECT count(*) FILTER (WHERE c.answer IN ('cancelled', 'requested')) INTO stopped FROM (
    SELECT moed.cancel(open.id) AS answer FROM (
      SELECT j.id FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id
       WHERE l.batch_id = cancel_batch.batch AND j.finished_at IS NULL ORDER BY j.id) AS open) AS c;
  RETURN stopped;
END $$;
