-- Limits of keys on direct requests, and the expiry of files and of outputs.

ALTER TABLE moed.api_key
  ADD COLUMN requests_per_minute int CHECK (requests_per_minute > 0),
  ADD COLUMN tokens_per_minute int CHECK (tokens_per_minute > 0);
COMMENT ON COLUMN moed.api_key.requests_per_minute IS 'Direct requests in any minute; NULL is no limit.';
COMMENT ON COLUMN moed.api_key.tokens_per_minute IS 'Tokens of direct requests in any minute, reserved when a request comes and counted exactly when it has ended; NULL is no limit.';

CREATE TABLE moed.api_key_use (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key_id   bigint NOT NULL REFERENCES moed.api_key ON DELETE CASCADE,
  job_id   bigint NOT NULL,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  reserved int NOT NULL CHECK (reserved >= 0)
);
COMMENT ON TABLE moed.api_key_use IS 'Direct requests of the last minutes, of keys that have limits.';
COMMENT ON COLUMN moed.api_key_use.id IS 'Key: logical replication finds deleted rows by it.';
COMMENT ON COLUMN moed.api_key_use.key_id IS 'moed.api_key.id.';
COMMENT ON COLUMN moed.api_key_use.job_id IS 'moed.job.id of the request.';
COMMENT ON COLUMN moed.api_key_use.at IS 'When it came.';
COMMENT ON COLUMN moed.api_key_use.reserved IS 'Tokens that it holds until it has ended.';

CREATE INDEX api_key_use_idx ON moed.api_key_use (key_id, at);

ALTER TABLE moed.batch ADD COLUMN output_lifetime int CHECK (output_lifetime > 0);
COMMENT ON COLUMN moed.batch.output_lifetime IS 'Seconds after its end for which the gateway shows its output files; NULL is no limit.';

DROP FUNCTION moed.create_key(text, text, text, text, text[], timestamptz);
CREATE FUNCTION moed.create_key(
  tenant text, digest text, hint text, name text DEFAULT NULL, scopes text[] DEFAULT '{batches,chat}',
  expires_at timestamptz DEFAULT NULL, requests_per_minute int DEFAULT NULL, tokens_per_minute int DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_id bigint;
BEGIN
  IF coalesce(digest, '') !~ '^[0-9a-f]{64}$' THEN
    RAISE EXCEPTION 'digest must be the SHA-256 of the key in 64 hexadecimal digits' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT scopes <@ '{batches,chat}' OR cardinality(scopes) = 0 THEN
    RAISE EXCEPTION 'scopes must be some of batches and chat, not %', array_to_string(scopes, ', ')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.api_key (tenant_id, name, digest, hint, scopes, expires_at, requests_per_minute, tokens_per_minute)
  VALUES (moed.tenant_of(tenant), coalesce(name, hint), sha256(decode(digest, 'hex')), hint, scopes, create_key.expires_at,
          create_key.requests_per_minute, create_key.tokens_per_minute)
  RETURNING id INTO new_id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.create_key(text, text, text, text, text[], timestamptz, int, int) IS 'Adds a key of the HTTP gateway by the SHA-256 of it, and returns its number. The last two are limits of its direct requests. `moed key create` makes the key and calls this.';

-- A use counts what its job was billed, and what it reserves until then. Two sessions of one key come one after the other.
CREATE FUNCTION moed.check_limits(key_id bigint, wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  k moed.api_key;
  uses int;
  tokens bigint;
  pause int;
BEGIN
  SELECT * INTO k FROM moed.api_key a WHERE a.id = check_limits.key_id;
  IF k.requests_per_minute IS NULL AND k.tokens_per_minute IS NULL THEN RETURN; END IF;
  IF wanted > k.tokens_per_minute THEN
    RAISE EXCEPTION 'the request may take % tokens, and the API key % has % a minute: lower max_tokens', wanted, k.hint,
      k.tokens_per_minute USING ERRCODE = 'MO400', CONSTRAINT = 'max_tokens';
  END IF;
  -- No client may lock this row.
  PERFORM FROM moed.api_key a WHERE a.id = k.id FOR NO KEY UPDATE;
  DELETE FROM moed.api_key_use u WHERE u.key_id = k.id AND u.at < clock_timestamp() - interval '10 minutes';
  WITH counted AS MATERIALIZED (
    SELECT u.at, coalesce(g.billed, CASE WHEN EXISTS (
             SELECT FROM moed.job j WHERE j.id = u.job_id AND j.finished_at IS NULL) THEN u.reserved ELSE 0 END) AS tokens
      FROM moed.api_key_use u
      LEFT JOIN LATERAL (
        SELECT coalesce(l.total_tokens, coalesce(l.prompt_tokens, 0) + coalesce(l.told_completion_tokens, 0)) AS billed
          FROM moed.token_ledger l WHERE l.job_id = u.job_id AND l.kind = 'final') g ON true
     WHERE u.key_id = k.id AND u.at > clock_timestamp() - interval '1 minute'
  ), later AS (
    -- What is left when this use and all before it are a minute old.
    SELECT c.at, count(*) OVER w - 1 AS uses_left, sum(c.tokens) OVER w - c.tokens AS tokens_left
      FROM counted c WINDOW w AS (ORDER BY c.at DESC)
  )
  SELECT (SELECT count(*) FROM counted), (SELECT coalesce(sum(c.tokens), 0) FROM counted c),
         (SELECT ceil(extract(epoch FROM min(l.at) + interval '1 minute' - clock_timestamp()))::int FROM later l
           WHERE (l.uses_left < k.requests_per_minute) IS NOT false AND (l.tokens_left + wanted <= k.tokens_per_minute) IS NOT false)
    INTO uses, tokens, pause;
  IF uses >= k.requests_per_minute THEN
    RAISE EXCEPTION 'the API key % has made its % requests of this minute', k.hint, k.requests_per_minute
      USING ERRCODE = 'MO429', CONSTRAINT = 'retry after ' || greatest(1, pause);
  ELSIF tokens + wanted > k.tokens_per_minute THEN
    RAISE EXCEPTION 'the API key % has % tokens a minute: % are used or reserved, and the request may take %', k.hint,
      k.tokens_per_minute, tokens, wanted USING ERRCODE = 'MO429', CONSTRAINT = 'retry after ' || greatest(1, pause);
  END IF;
END $$;
COMMENT ON FUNCTION moed.check_limits(bigint, int) IS 'An error when a direct request of that many tokens is beyond the limits of a key. Part of moed.api_chat().';

CREATE OR REPLACE FUNCTION moed.api_chat(key text, body text, priority numeric, expires_after int) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'chat');
  caller_key bigint := (SELECT k.id FROM moed.api_key k WHERE k.digest = sha256(decode(api_chat.key, 'hex')));
  asked text := moed.model_key(coalesce(moed.json_text(body::json, 'model'), 'default'));
  known int := moed.model_of(asked);
  reasons text[];
  -- The prompt as moed.length_bucket() guesses it, and as many new tokens as it may have.
  wanted int := least(2000000000, octet_length(body) / 3 + greatest(1, coalesce(
    moed.json_number(body::json, 'max_completion_tokens'), moed.json_number(body::json, 'max_tokens'), 2048))
    * greatest(1, coalesce(moed.json_number(body::json, 'n'), 1)))::int;
  job bigint;
BEGIN
  IF known = 0 THEN
    RAISE EXCEPTION 'the model % does not exist', asked USING ERRCODE = 'MO404', CONSTRAINT = 'model';
  END IF;
  PERFORM moed.check_limits(caller_key, wanted);
  reasons := moed.hindrances(owner_id, known, NULL);
  IF reasons IS NOT NULL THEN
    RAISE EXCEPTION 'no request is started now: %', array_to_string(reasons, '; ') USING ERRCODE = 'MO429';
  END IF;
  job := moed.insert_job(
    params => body::json, tenant => (SELECT t.name FROM moed.tenant t WHERE t.id = owner_id), priority => priority,
    expires_at => clock_timestamp() + make_interval(secs => expires_after), caller => moed.call_stamp(current_user));
  INSERT INTO moed.api_key_use (key_id, job_id, reserved)
  SELECT k.id, job, wanted FROM moed.api_key k
   WHERE k.id = caller_key AND num_nonnulls(k.requests_per_minute, k.tokens_per_minute) > 0;
  RETURN job;
END $$;
COMMENT ON FUNCTION moed.api_chat(text, text, numeric, int) IS 'For the gateway: enqueues a request that a client waits for. An error when nothing of its tenant and model starts now, or a limit of the key is reached.';

DROP FUNCTION moed.api_create_batch(text, uuid, text, json);
CREATE FUNCTION moed.api_create_batch(key text, file uuid, time_window text, metadata json DEFAULT NULL, output_lifetime int DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
  source moed.api_file;
  lasts interval;
  new_id uuid;
BEGIN
  SELECT * INTO source FROM moed.api_file f WHERE f.id = file AND f.tenant_id = owner_id AND f.uploaded_at IS NOT NULL
     AND f.expires_at > clock_timestamp() IS NOT FALSE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no file with this id' USING ERRCODE = 'MO404', CONSTRAINT = 'input_file_id';
  ELSIF source.purpose <> 'batch' THEN
    RAISE EXCEPTION 'the purpose of the file must be batch, not %', source.purpose
      USING ERRCODE = 'MO400', CONSTRAINT = 'input_file_id';
  ELSIF source.lines = 0 THEN
    RAISE EXCEPTION 'the file has no lines' USING ERRCODE = 'MO400', CONSTRAINT = 'input_file_id';
  END IF;
  BEGIN
    lasts := time_window::interval;
  EXCEPTION WHEN data_exception THEN
    NULL;
  END;
  IF lasts > interval '0' AND lasts <= interval '1 year' THEN
    INSERT INTO moed.batch (name, tenant_id, sealed_at, expires_at, input_file, time_window, metadata, output_lifetime)
    VALUES (source.name, owner_id, NULL, now() + lasts, file, api_create_batch.time_window, api_create_batch.metadata,
            api_create_batch.output_lifetime)
    RETURNING id INTO new_id;
    INSERT INTO moed.batch_import (batch_id, file_id, tenant)
    SELECT new_id, file, t.name FROM moed.tenant t WHERE t.id = owner_id;
    RETURN new_id;
  END IF;
  RAISE EXCEPTION 'completion_window must be a time such as 24h, at most a year'
    USING ERRCODE = 'MO400', CONSTRAINT = 'completion_window';
END $$;
COMMENT ON FUNCTION moed.api_create_batch(text, uuid, text, json, int) IS 'For the gateway: begins a batch of an uploaded file. moed.api_import_step() adds its lines.';

CREATE OR REPLACE FUNCTION moed.api_file_part_of(key text, file uuid, part int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT p.content FROM moed.api_file f JOIN moed.api_file_part p ON p.file_id = f.id
   WHERE f.id = file AND f.uploaded_at IS NOT NULL AND f.expires_at > clock_timestamp() IS NOT FALSE AND p.part = api_file_part_of.part
     AND f.tenant_id = moed.key_tenant(key, 'batches')
$$;
COMMENT ON FUNCTION moed.api_file_part_of(text, uuid, int) IS 'For the gateway: a part of an uploaded file; NULL after the last one.';

DROP FUNCTION moed.api_batches(text, uuid, uuid, int);
-- Compiling the statement takes a hundred times as long as running it.
CREATE FUNCTION moed.api_batches(key text, only_batch uuid DEFAULT NULL, after_batch uuid DEFAULT NULL, max_batches int DEFAULT 1)
RETURNS TABLE (
  id uuid, status text, input_file uuid, time_window text, metadata json, created_at timestamptz, sealed_at timestamptz,
  expires_at timestamptz, finished_at timestamptz, cancelled_at timestamptz, total bigint, completed bigint, failed bigint,
  prompt_tokens bigint, cached_tokens bigint, completion_tokens bigint, reasoning_tokens bigint, model text,
  has_output boolean, has_errors boolean, line_errors json, output_expires_at timestamptz,
  cancelled bigint, expired bigint)
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
    e.has_ended AND NOT e.is_gone AND c.completed > 0 AND NOT 'output' = ANY (p.deleted_outputs),
    e.has_ended AND NOT e.is_gone AND c.lines > c.completed AND NOT 'error' = ANY (p.deleted_outputs),
    CASE WHEN c.line_errors > 0 THEN (
      SELECT json_agg(json_build_object('code', e.error_code, 'message', e.error_message, 'param', e.error_param, 'line', e.line)
                      ORDER BY e.line)
        FROM (SELECT * FROM moed.batch_line l WHERE l.batch_id = p.id AND l.job_id IS NULL ORDER BY l.line LIMIT 100) e) END,
    e.gone_at, c.cancelled, c.expired
    FROM (
      SELECT b.* FROM moed.batch b LEFT JOIN moed.batch a ON a.id = after_batch AND a.tenant_id = owner_id
       WHERE b.tenant_id = owner_id AND (only_batch IS NULL OR b.id = only_batch)
         AND (after_batch IS NULL OR (b.created_at, b.id) < (a.created_at, a.id))
       ORDER BY b.created_at DESC, b.id DESC LIMIT max_batches) AS p
    CROSS JOIN LATERAL moed.batch_counts(p.id) AS c
    CROSS JOIN LATERAL (
      SELECT n.has_ended, n.gone_at, n.gone_at <= clock_timestamp() IS TRUE AS is_gone
        FROM (SELECT p.sealed_at IS NOT NULL AND c.unfinished = 0 AS has_ended,
                     CASE WHEN p.sealed_at IS NOT NULL AND c.unfinished = 0
                          THEN greatest(c.last_end, p.sealed_at) + make_interval(secs => p.output_lifetime) END AS gone_at) n) AS e
   ORDER BY p.created_at DESC, p.id DESC;
END $$;
COMMENT ON FUNCTION moed.api_batches(text, uuid, uuid, int) IS 'For the gateway: batches of a key''s tenant, newest first, in a time that their sizes do not change.';

CREATE OR REPLACE FUNCTION moed.api_output(key text, batch uuid, answers boolean, after_line int, max_lines int)
RETURNS TABLE (line int, text text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  -- Lines of the other file are passed over here, and the last line tells where to go on.
  RETURN QUERY
  SELECT o.line, CASE WHEN o.is_answer = answers THEN o.text END
    FROM moed.batch b CROSS JOIN LATERAL moed.batch_output(b.id, after_line, max_lines) AS o
   WHERE b.id = api_output.batch AND b.tenant_id = owner_id
     AND NOT CASE WHEN answers THEN 'output' ELSE 'error' END = ANY (b.deleted_outputs)
     AND (b.output_lifetime IS NULL OR EXISTS (
       SELECT FROM moed.batch_counts(b.id) AS c
        WHERE greatest(c.last_end, b.sealed_at) + make_interval(secs => b.output_lifetime) > clock_timestamp()));
END $$;
COMMENT ON FUNCTION moed.api_output(text, uuid, boolean, int, int) IS 'For the gateway: lines of a batch''s output file or error file. The text of a line of the other file is NULL.';
