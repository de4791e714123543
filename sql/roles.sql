-- Roles and rights, for `moed migrate --roles`. May be run again at any time; later migrations run it again by themselves.
--
--   moed_owner     owns everything in schema moed
--   moed_worker    what a daemon needs
--   moed_client    enqueues, reads and cancels the jobs of its own tenant (moed.tenant.db_role)
--                  The role of the session or of SET ROLE counts, in a SECURITY DEFINER function the function's owner.
--   moed_gateway   what `moed serve` needs: functions that act for the tenant of a key, and nothing else
--   moed_operator  sees everything; pauses, cancels, redrives, prunes, sets up tenants and prices
--   moed_reader    sees everything, changes nothing
--
-- None of them logs in: GRANT moed_client TO app.

DO $$
DECLARE
  role record;
  -- From PostgreSQL 16 on the creator of a role may grant it, but neither has its rights nor may hand objects over to it.
  has_options CONSTANT boolean := current_setting('server_version_num')::int >= 160000;
  granters text;
BEGIN
  FOR role IN SELECT * FROM (VALUES
    ('moed_owner', 'moed: owns the schema moed'),
    ('moed_worker', 'moed: what a daemon needs'),
    ('moed_client', 'moed: enqueues, reads and cancels the jobs of its own tenant'),
    ('moed_gateway', 'moed: what moed serve needs'),
    ('moed_operator', 'moed: pauses, cancels, redrives, prunes, sets up tenants and prices'),
    ('moed_reader', 'moed: sees everything, changes nothing')) AS r(name, comment)
  LOOP
    CONTINUE WHEN to_regrole(role.name) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role.name);
      EXECUTE format('COMMENT ON ROLE %I IS %L', role.name, role.comment);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN
        NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'role % may not create the role %: run moed migrate --roles as a superuser or as a role with CREATEROLE (ALTER ROLE % CREATEROLE)',
          quote_ident(current_user), role.name, quote_ident(current_user) USING ERRCODE = 'insufficient_privilege';
    END;
  END LOOP;
  -- Who is no superuser must be a member of the owner to hand objects over to it.
  IF NOT pg_has_role(current_user, 'moed_owner', 'USAGE')
    OR NOT pg_has_role(current_user, 'moed_owner', CASE WHEN has_options THEN 'SET' ELSE 'MEMBER' END) THEN
    BEGIN
      EXECUTE format('GRANT moed_owner TO %I%s', current_user, CASE WHEN has_options THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END);
    EXCEPTION WHEN insufficient_privilege THEN
      SELECT string_agg(a.member::regrole::text, ' or ') INTO granters
        FROM (SELECT DISTINCT m.member FROM pg_auth_members m WHERE m.roleid = to_regrole('moed_owner') AND m.admin_option) AS a;
      RAISE EXCEPTION 'the roles of moed belong to the whole cluster, and role % is no member of moed_owner: as a superuser% run GRANT moed_owner TO %, then moed migrate --roles again',
        quote_ident(current_user), coalesce(' or as ' || granters, ''), quote_ident(current_user) USING ERRCODE = 'insufficient_privilege';
    END;
  END IF;
END $$;

ALTER SCHEMA moed OWNER TO moed_owner;
DO $$
DECLARE
  statement text;
BEGIN
  FOR statement IN
    SELECT format('ALTER %s %s OWNER TO moed_owner',
                  CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass)
      FROM pg_class c
     WHERE c.relnamespace = 'moed'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i' AND c.relkind = 'S')
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO moed_owner', p.oid::regprocedure)
      FROM pg_proc p WHERE p.pronamespace = 'moed'::regnamespace
    UNION ALL
    SELECT format('ALTER %s %s OWNER TO moed_owner', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype)
      FROM pg_type t WHERE t.typnamespace = 'moed'::regnamespace AND t.typtype IN ('e', 'd')
  LOOP
    EXECUTE statement;
  END LOOP;
END $$;

-- moed.vacuum_holders() looks at all sessions. Without that right it runs as its caller, who may have it.
DO $$
BEGIN
  IF NOT pg_has_role('moed_owner', 'pg_read_all_stats', 'USAGE') THEN GRANT pg_read_all_stats TO moed_owner; END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'moed.health.oldest_transaction_age is empty for operators until a superuser runs GRANT pg_read_all_stats TO moed_owner and moed migrate --roles is run again';
END $$;

-- Nobody has a right that is not given below.
REVOKE ALL ON SCHEMA moed FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA moed FROM PUBLIC, moed_worker, moed_client, moed_gateway, moed_operator, moed_reader;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA moed FROM PUBLIC, moed_worker, moed_client, moed_gateway, moed_operator, moed_reader;
REVOKE ALL ON ALL ROUTINES IN SCHEMA moed FROM PUBLIC, moed_worker, moed_client, moed_gateway, moed_operator, moed_reader;
GRANT USAGE ON SCHEMA moed TO moed_worker, moed_client, moed_gateway, moed_operator, moed_reader;

-- What views and policies call.
GRANT EXECUTE ON FUNCTION
  moed.json_member, moed.json_text, moed.json_number, moed.json_texts, moed.json_integers, moed.last_message,
  moed.milliseconds, moed.decay, moed.caller, moed.own_tenant, moed.tenant_of_caller, moed.call_stamp, moed.wait, moed.why,
  moed.wait_batch, moed.answer, moed.classification, moed.extraction, moed.embedding, moed.readable_json, moed.utc
  TO moed_worker, moed_client, moed_operator, moed_reader;

GRANT SELECT ON moed.migration, moed.tenant, moed.tenants, moed.tenant_usage, moed.usage_delta, moed.control, moed.job_request,
  moed.tenant_request TO moed_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON moed.job_checkpoint, moed.endpoint_state TO moed_worker;
GRANT SELECT ON moed.cooldown_end TO moed_worker;
GRANT SELECT, INSERT, UPDATE ON moed.worker, moed.model, moed.job_attempt, moed.endpoint_request TO moed_worker;
GRANT SELECT, UPDATE ON moed.batch_budget TO moed_worker;
GRANT SELECT, UPDATE, DELETE ON moed.job, moed.cancel_request TO moed_worker;
GRANT INSERT ON moed.job_result, moed.token_ledger, moed.usage_delta TO moed_worker;
GRANT SELECT, INSERT ON moed.origin TO moed_worker;
GRANT SELECT ON moed.policy TO moed_worker;
GRANT INSERT ON moed.policy_verdict TO moed_worker;
GRANT SELECT ON moed.batch_line TO moed_worker;
-- The worker that notifies the end of a batch remembers it.
GRANT SELECT, UPDATE ON moed.batch TO moed_worker;
GRANT USAGE ON moed.lease_token_seq TO moed_worker;
-- moed check compares sequences with their tables.
GRANT SELECT ON ALL SEQUENCES IN SCHEMA moed TO moed_worker, moed_operator, moed_reader;
GRANT EXECUTE ON FUNCTION moed.wake_idle, moed.fold_usage, moed.prune, moed.expired_message, moed.waste_checkpoints,
  moed.add_requested_tenants, moed.money_left, moed.batch_money_left, moed.budgeted_batch, moed.may_spend, moed.add_sample TO moed_worker;

GRANT SELECT ON ALL TABLES IN SCHEMA moed TO moed_reader, moed_operator;
GRANT INSERT, UPDATE ON moed.tenant, moed.model TO moed_operator;
-- A rule that has hits is disabled and not deleted. Clients neither see nor set rules.
GRANT INSERT, UPDATE ON moed.policy TO moed_operator;
GRANT UPDATE ON moed.control TO moed_operator;
GRANT INSERT, UPDATE ON moed.cooldown_end TO moed_operator;
GRANT INSERT, UPDATE, DELETE ON moed.price TO moed_operator;
GRANT DELETE ON moed.batch TO moed_operator;
-- An UPDATE or DELETE of the view raises an error that names the functions to use.
GRANT INSERT, UPDATE, DELETE ON moed.jobs TO moed_operator, moed_client;
GRANT EXECUTE ON FUNCTION moed.pauses, moed.vacuum_holders, moed.batch_counts TO moed_operator, moed_reader, moed_worker;
GRANT EXECUTE ON FUNCTION moed.pause, moed.resume, moed.set_paused, moed.wake_idle, moed.prune, moed.archive_jobs, moed.redrive, moed.redrive_jobs,
  moed.register_model, moed.clear_cooldown, moed.create_key, moed.revoke_key TO moed_operator;

GRANT SELECT ON
  moed.tenant, moed.tenant_usage, moed.control, moed.model, moed.price, moed.job, moed.job_request, moed.job_result, moed.job_attempt,
  moed.token_ledger, moed.origin, moed.batch, moed.batch_budget, moed.batch_line, moed.archive, moed.tenant_request,
  moed.jobs, moed.batches, moed.tenants, moed.usage_daily, moed.cost_daily, moed.queue_stats, moed.progress TO moed_client;
GRANT SELECT (id, host, pid) ON moed.worker TO moed_client;
GRANT EXECUTE ON FUNCTION
  moed.enqueue, moed.insert_job, moed.enqueue_many, moed.import_batch, moed.export_batch, moed.batch_output, moed.begin_import,
  moed.import_part, moed.end_import, moed.cancel, moed.cancel_jobs, moed.cancel_batch, moed.ask, moed.classify, moed.extract,
  moed.summarise, moed.translate, moed.embed, moed.rerank, moed.search_query, moed.room_for
  TO moed_client, moed_operator;

-- A gateway reads no table. Each of these functions asks moed.key_tenant() first.
GRANT EXECUTE ON FUNCTION
  moed.api_begin_file, moed.api_add_part, moed.api_finish_file, moed.api_files, moed.api_delete_file, moed.api_file_part_of,
  moed.api_create_batch, moed.api_import_step, moed.api_batches, moed.api_cancel_batch, moed.api_output, moed.api_delete_output,
  moed.api_models, moed.api_operate, moed.api_chat, moed.api_chat_results, moed.api_cancel_chat
  TO moed_gateway;

-- The view before migration 15, kept where views of applications depend on it.
DO $$
BEGIN
  IF to_regclass('moed.jobs_old') IS NOT NULL THEN
    GRANT SELECT ON moed.jobs_old TO moed_client, moed_operator, moed_reader;
  END IF;
END $$;

-- These write where their caller may not. All but moed.prune() ask moed.tenant_for() or moed.may_touch() first, with the
-- role that their argument caller proves. moed.why() and moed.tenant_of_caller() read only. Functions of the gateway ask
-- moed.key_tenant(); those for keys are the operator's.
DO $$
DECLARE
  routine regprocedure;
BEGIN
  FOR routine IN
    SELECT p.oid FROM pg_proc p
     WHERE p.pronamespace = 'moed'::regnamespace
       AND (p.proname IN ('enqueue', 'insert_job', 'enqueue_many', 'import_batch', 'begin_import', 'import_part', 'end_import',
                         'cancel', 'cancel_jobs', 'cancel_batch', 'redrive', 'redrive_jobs', 'prune', 'archive_jobs', 'why', 'create_key',
                         'revoke_key')
        OR p.proname LIKE 'api\_%'
        OR p.proname = 'vacuum_holders' AND pg_has_role('moed_owner', 'pg_read_all_stats', 'USAGE'))
  LOOP
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', routine);
  END LOOP;
END $$;

-- Row security: a client sees the rows of its tenant, through views as well, for they run as their caller.
DO $$
DECLARE
  rule record;
BEGIN
  FOR rule IN SELECT * FROM (VALUES
    ('tenant', 'id = (SELECT moed.own_tenant())'),
    ('tenant_usage', 'tenant_id = (SELECT moed.own_tenant())'),
    ('usage_delta', NULL),
    -- Names that no worker serves were made up by somebody.
    ('model', 'registered_at IS NOT NULL'),
    ('price', 'true'),
    ('origin', 'true'),
    ('worker', NULL),
    ('job', 'tenant_id = (SELECT moed.own_tenant())'),
    ('job_request', 'EXISTS (SELECT FROM moed.job j WHERE j.id = job_id)'),
    ('job_attempt', 'EXISTS (SELECT FROM moed.job j WHERE j.id = job_id)'),
    ('job_result', 'EXISTS (SELECT FROM moed.job j WHERE j.id = job_id)'),
    ('job_checkpoint', NULL),
    ('cancel_request', NULL),
    ('tenant_request', NULL),
    -- What a job costs the house is not its tenant's business.
    ('endpoint_request', NULL),
    ('endpoint_state', NULL),
    ('cooldown_end', NULL),
    ('policy', NULL),
    ('policy_verdict', NULL),
    ('token_ledger', 'tenant_id = (SELECT moed.own_tenant())'),
    ('archive', 'tenant_id = (SELECT moed.own_tenant())'),
    ('batch', 'tenant_id = (SELECT moed.own_tenant())'),
    ('batch_budget', 'EXISTS (SELECT FROM moed.batch b WHERE b.id = batch_id)'),
    ('batch_import', NULL),
    ('batch_count', NULL),
    ('minute_sample', NULL),
    ('batch_delta', NULL),
    ('api_key', NULL),
    ('api_key_use', NULL),
    ('api_file', NULL),
    ('api_file_part', NULL),
    ('batch_line', 'EXISTS (SELECT FROM moed.batch b WHERE b.id = batch_id)')) AS r(name, client_sees)
  LOOP
    EXECUTE format('ALTER TABLE moed.%I ENABLE ROW LEVEL SECURITY', rule.name);
    EXECUTE format('DROP POLICY IF EXISTS everything ON moed.%I', rule.name);
    EXECUTE format('DROP POLICY IF EXISTS reading ON moed.%I', rule.name);
    EXECUTE format('DROP POLICY IF EXISTS own ON moed.%I', rule.name);
    EXECUTE format('CREATE POLICY everything ON moed.%I TO moed_worker, moed_operator USING (true) WITH CHECK (true)', rule.name);
    EXECUTE format('CREATE POLICY reading ON moed.%I FOR SELECT TO moed_reader USING (true)', rule.name);
    IF rule.client_sees IS NOT NULL THEN
      EXECUTE format('CREATE POLICY own ON moed.%I FOR SELECT TO moed_client USING (%s)', rule.name, rule.client_sees);
    END IF;
  END LOOP;
END $$;
