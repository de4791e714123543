-- The HTTP gateway: keys, uploaded files, batches made of them part by part. The same parts serve `moed import`, which
-- continues after an interruption.

ALTER TABLE moed.batch
  ADD COLUMN sealed_at timestamptz DEFAULT now(),
  ADD COLUMN expires_at timestamptz,
  ADD COLUMN import_key text CHECK (length(import_key) BETWEEN 1 AND 512),
  ADD COLUMN input_file uuid,
  ADD COLUMN time_window text,
  ADD COLUMN metadata json,
  ADD COLUMN deleted_outputs text[] NOT NULL DEFAULT '{}';
UPDATE moed.batch SET sealed_at = created_at;

COMMENT ON TABLE moed.batch IS 'One file of requests: by moed.import_batch(), by moed import or by the HTTP gateway.';
COMMENT ON COLUMN moed.batch.sealed_at IS 'When its last line was added; NULL while lines are being added.';
COMMENT ON COLUMN moed.batch.expires_at IS 'Deadline of its jobs; NULL is none.';
COMMENT ON COLUMN moed.batch.import_key IS 'Key of moed.begin_import(): the same tenant and key continue this batch.';
COMMENT ON COLUMN moed.batch.input_file IS 'moed.api_file.id that it was made of; NULL: it did not come through the gateway.';
COMMENT ON COLUMN moed.batch.time_window IS 'completion_window as the client of the gateway wrote it.';
COMMENT ON COLUMN moed.batch.metadata IS 'metadata of the client of the gateway.';
COMMENT ON COLUMN moed.batch.deleted_outputs IS 'Output files that the client of the gateway deleted: output, error.';
CREATE UNIQUE INDEX batch_import_key_idx ON moed.batch (tenant_id, import_key) WHERE import_key IS NOT NULL;
CREATE INDEX batch_tenant_idx ON moed.batch (tenant_id, created_at, id);

-- The key itself is nowhere. A gateway sends the SHA-256 of a key, and this table has the SHA-256 of that: who reads the
-- table cannot act with what it shows.
CREATE TABLE moed.api_key (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id  int NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
  digest     bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
  hint       text NOT NULL CHECK (length(hint) BETWEEN 1 AND 32),
  scopes     text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz
);
COMMENT ON TABLE moed.api_key IS 'Keys of the HTTP gateway, each for one tenant. moed.create_key() adds one, moed.revoke_key() ends it.';
COMMENT ON COLUMN moed.api_key.id IS 'Number of the key.';
COMMENT ON COLUMN moed.api_key.tenant_id IS 'moed.tenant.id that the key acts for.';
COMMENT ON COLUMN moed.api_key.name IS 'Name for people.';
COMMENT ON COLUMN moed.api_key.digest IS 'SHA-256 of the SHA-256 of the key.';
COMMENT ON COLUMN moed.api_key.hint IS 'First characters of the key, by which its owner recognises it.';
COMMENT ON COLUMN moed.api_key.scopes IS 'Rights of the key: batches (files and batches), chat (direct answers).';
COMMENT ON COLUMN moed.api_key.created_at IS 'When it was made.';
COMMENT ON COLUMN moed.api_key.expires_at IS 'From then on it is refused; NULL is never.';
COMMENT ON COLUMN moed.api_key.revoked_at IS 'When moed.revoke_key() was called; NULL is not.';

CREATE TABLE moed.api_file (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id   int NOT NULL,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
  purpose     text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 64),
  bytes       bigint NOT NULL DEFAULT 0,
  lines       int NOT NULL DEFAULT 0,
  parts       int NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  uploaded_at timestamptz,
  expires_at  timestamptz
);
COMMENT ON TABLE moed.api_file IS 'Files that were uploaded to the HTTP gateway.';
COMMENT ON COLUMN moed.api_file.id IS 'Key; the API shows it as file-….';
COMMENT ON COLUMN moed.api_file.tenant_id IS 'moed.tenant.id of its owner.';
COMMENT ON COLUMN moed.api_file.name IS 'File name that the client gave.';
COMMENT ON COLUMN moed.api_file.purpose IS 'Purpose that the client gave, such as batch.';
COMMENT ON COLUMN moed.api_file.bytes IS 'Its size.';
COMMENT ON COLUMN moed.api_file.lines IS 'Lines that are not empty.';
COMMENT ON COLUMN moed.api_file.parts IS 'Rows of moed.api_file_part that it has.';
COMMENT ON COLUMN moed.api_file.created_at IS 'When its upload began.';
COMMENT ON COLUMN moed.api_file.uploaded_at IS 'When its upload ended; NULL while it has not.';
COMMENT ON COLUMN moed.api_file.expires_at IS 'When it is deleted; NULL is never.';

CREATE INDEX api_file_tenant_idx ON moed.api_file (tenant_id, created_at, id) WHERE uploaded_at IS NOT NULL;
CREATE INDEX api_file_expiry_idx ON moed.api_file (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX api_file_unfinished_idx ON moed.api_file (created_at) WHERE uploaded_at IS NULL;

CREATE TABLE moed.api_file_part (
  file_id uuid NOT NULL REFERENCES moed.api_file ON DELETE CASCADE,
  part    int NOT NULL CHECK (part >= 0),
  content text NOT NULL,
  PRIMARY KEY (file_id, part)
);
COMMENT ON TABLE moed.api_file_part IS 'Contents of uploaded files, cut after ends of lines.';
COMMENT ON COLUMN moed.api_file_part.file_id IS 'moed.api_file.id.';
COMMENT ON COLUMN moed.api_file_part.part IS 'Place in the file, from 0.';
COMMENT ON COLUMN moed.api_file_part.content IS 'Text of this part: whole lines.';

-- A row of its own: the statement that adds lines holds it, and a cancellation of the batch must not wait for that.
CREATE TABLE moed.batch_import (
  batch_id   uuid PRIMARY KEY REFERENCES moed.batch ON DELETE CASCADE,
  file_id    uuid REFERENCES moed.api_file,
  next_part  int NOT NULL DEFAULT 0,
  lines      int NOT NULL DEFAULT 0,
  tenant     text,
  priority   numeric,
  run_at     timestamptz,
  reasoning  text,
  model      text,
  touched_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE moed.batch_import IS 'Batches whose lines are still being added, part by part.';
COMMENT ON COLUMN moed.batch_import.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_import.file_id IS 'moed.api_file.id whose parts a gateway adds; NULL: a client sends them.';
COMMENT ON COLUMN moed.batch_import.next_part IS 'Number of the part that comes next, from 0.';
COMMENT ON COLUMN moed.batch_import.lines IS 'Lines that were read, empty ones included.';
COMMENT ON COLUMN moed.batch_import.tenant IS 'Tenant of the jobs; NULL is that of the calling role.';
COMMENT ON COLUMN moed.batch_import.priority IS 'Priority of the jobs.';
COMMENT ON COLUMN moed.batch_import.run_at IS 'The jobs do not start before.';
COMMENT ON COLUMN moed.batch_import.reasoning IS 'Mode of lines that choose none.';
COMMENT ON COLUMN moed.batch_import.model IS 'Model of lines that name none.';
COMMENT ON COLUMN moed.batch_import.touched_at IS 'When the latest part was added: the batch that waits longest comes next.';

CREATE INDEX batch_import_turn_idx ON moed.batch_import (touched_at) WHERE file_id IS NOT NULL;

CREATE FUNCTION moed.create_key(
  tenant text, digest text, hint text, name text DEFAULT NULL, scopes text[] DEFAULT '{batches,chat}',
  expires_at timestamptz DEFAULT NULL)
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
  INSERT INTO moed.api_key (tenant_id, name, digest, hint, scopes, expires_at)
  VALUES (moed.tenant_of(tenant), coalesce(name, hint), sha256(decode(digest, 'hex')), hint, scopes, create_key.expires_at)
  RETURNING id INTO new_id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.create_key(text, text, text, text, text[], timestamptz) IS 'Adds a key of the HTTP gateway by the SHA-256 of it, and returns its number. `moed key create` makes the key and calls this.';

CREATE FUNCTION moed.revoke_key(key bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  UPDATE moed.api_key k SET revoked_at = clock_timestamp() WHERE k.id = revoke_key.key AND k.revoked_at IS NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION moed.revoke_key(bigint) IS 'Ends a key of the HTTP gateway at once; false when there is none or it was revoked before.';

-- SQLSTATEs of these functions are MO and the HTTP status that the gateway answers with.
CREATE FUNCTION moed.key_tenant(key text, scope text) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  found_key moed.api_key;
BEGIN
  IF key ~ '^[0-9a-f]{64}$' THEN
    SELECT * INTO found_key FROM moed.api_key k WHERE k.digest = sha256(decode(key, 'hex'));
  END IF;
  IF found_key.id IS NULL THEN
    RAISE EXCEPTION 'the API key is unknown' USING ERRCODE = 'MO401';
  ELSIF found_key.revoked_at IS NOT NULL THEN
    RAISE EXCEPTION 'the API key % was revoked', found_key.hint USING ERRCODE = 'MO401';
  ELSIF found_key.expires_at <= clock_timestamp() THEN
    RAISE EXCEPTION 'the API key % has expired', found_key.hint USING ERRCODE = 'MO401';
  ELSIF NOT scope = ANY (found_key.scopes) THEN
    RAISE EXCEPTION 'the API key % lacks the scope %', found_key.hint, scope USING ERRCODE = 'MO403';
  END IF;
  RETURN found_key.tenant_id;
END $$;
COMMENT ON FUNCTION moed.key_tenant(text, text) IS 'Tenant that a key of the gateway acts for; an error when the key is not valid or lacks a scope. The argument key is the SHA-256 of the key.';

CREATE FUNCTION moed.add_lines(
  batch uuid, lines text, lines_before int, tenant text, priority numeric, run_at timestamptz, expires_at timestamptz,
  reasoning text, model text, caller moed.acting_role, OUT read_lines int, OUT imported int)
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  entry record;
  line_text text;
  read record;
  job bigint;
BEGIN
  imported := 0;
  -- Lines that the batch adds nothing to are enqueued in one statement, several times as fast.
  IF reasoning IS NULL AND model IS NULL THEN
    WITH entries AS MATERIALIZED (
      SELECT s.number::int AS number,
             CASE WHEN lines_before + s.number = 1 THEN ltrim(btrim(s.value, E' \t\r'), chr(65279))
                  ELSE btrim(s.value, E' \t\r') END AS text
        FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
    ), lines_read AS MATERIALIZED (
      SELECT e.number, r.* FROM entries e CROSS JOIN LATERAL moed.read_line(e.text) AS r WHERE e.text <> ''
    ), checked AS MATERIALIZED (
      SELECT r.*, r.error_code IS NULL AND (
          row_number() OVER (PARTITION BY r.custom_id, r.error_code IS NULL ORDER BY r.number) > 1
          OR EXISTS (SELECT FROM moed.batch_line b WHERE b.batch_id = batch AND b.custom_id = r.custom_id AND b.job_id IS NOT NULL))
          AS is_double
        FROM lines_read r
    ), good AS MATERIALIZED (
      SELECT array_agg(c.number ORDER BY c.number) AS numbers, array_agg(c.body ORDER BY c.number) AS bodies
        FROM checked c WHERE c.error_code IS NULL AND NOT c.is_double
    ), jobs AS MATERIALIZED (
      SELECT g.numbers[j.place] AS number, j.id
        FROM good g CROSS JOIN LATERAL moed.enqueue_many(
          g.bodies, tenant => tenant, priority => priority, run_at => run_at, expires_at => expires_at, caller => caller)
          WITH ORDINALITY AS j(id, place)
    ), added AS (
      INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
      SELECT batch, lines_before + c.number, c.custom_id, j.id,
             CASE WHEN c.is_double THEN 'duplicate_custom_id' ELSE c.error_code END,
             CASE WHEN c.is_double THEN 'an earlier line has this custom_id' ELSE left(c.error_message, 1000) END,
             CASE WHEN c.is_double THEN 'custom_id' ELSE c.error_param END
        FROM checked c LEFT JOIN jobs j ON j.number = c.number
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM added), (SELECT max(e.number) FROM entries e) INTO imported, read_lines;
    IF lines = '' OR right(lines, 1) = E'\n' THEN read_lines := read_lines - 1; END IF;
    RETURN;
  END IF;
  FOR entry IN SELECT s.value, s.number::int AS number FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
  LOOP
    read_lines := entry.number;
    line_text := btrim(entry.value, E' \t\r');
    IF lines_before + entry.number = 1 THEN line_text := ltrim(line_text, chr(65279)); END IF;
    CONTINUE WHEN line_text = '';
    imported := imported + 1;
    job := NULL;
    SELECT * INTO read FROM moed.read_line(line_text);
    IF read.error_code IS NULL AND EXISTS (
      SELECT FROM moed.batch_line b WHERE b.batch_id = batch AND b.custom_id = read.custom_id AND b.job_id IS NOT NULL)
    THEN
      read.error_code := 'duplicate_custom_id';
      read.error_message := 'an earlier line has this custom_id';
      read.error_param := 'custom_id';
    END IF;
    IF read.error_code IS NULL THEN
      job := moed.insert_job(
        params => read.body, tenant => tenant, priority => priority, run_at => run_at, expires_at => expires_at,
        reasoning => CASE WHEN reasoning IS NOT NULL AND NOT moed.chooses_mode(read.body) THEN reasoning END,
        model => CASE WHEN model IS NOT NULL AND moed.json_text(read.body, 'model') IS NULL THEN model END, caller => caller);
    END IF;
    INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
    VALUES (batch, lines_before + entry.number, read.custom_id, job, read.error_code, left(read.error_message, 1000),
            read.error_param);
  END LOOP;
  -- After the last end of line comes no other line.
  IF lines = '' OR right(lines, 1) = E'\n' THEN read_lines := read_lines - 1; END IF;
END $$;
COMMENT ON FUNCTION moed.add_lines(uuid, text, int, text, numeric, timestamptz, timestamptz, text, text, moed.acting_role) IS 'Adds lines to a batch: a job for each good line, an error for each bad one. Returns how many lines it read, and how many of them were not empty.';

CREATE FUNCTION moed.new_batch(
  name text, tenant text, completion_window interval, reasoning text, caller moed.acting_role)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_id uuid;
BEGIN
  IF coalesce(length(name), 0) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'name must have 1 to 512 characters, not %', coalesce(length(name), 0)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF reasoning NOT IN ('thinking', 'non_thinking') THEN
    RAISE EXCEPTION 'reasoning must be thinking or non_thinking, not "%"', reasoning USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.batch (name, tenant_id, expires_at)
  VALUES (new_batch.name, moed.tenant_for(tenant, moed.role_of(caller)), now() + completion_window)
  RETURNING id INTO new_id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.new_batch(text, text, interval, text, moed.acting_role) IS 'Adds a batch without lines. Part of moed.import_batch() and moed.begin_import().';

-- A cancellation that came while lines were being added has seen some of them only. No other transaction adds lines of the
-- batch now: its row of moed.batch_import is held.
CREATE FUNCTION moed.seal_batch(batch uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  DELETE FROM moed.batch_import i WHERE i.batch_id = seal_batch.batch;
  UPDATE moed.batch b SET sealed_at = clock_timestamp() WHERE b.id = seal_batch.batch AND b.sealed_at IS NULL;
  IF EXISTS (SELECT FROM moed.batch b WHERE b.id = seal_batch.batch AND b.cancelled_at IS NOT NULL) THEN
    PERFORM moed.cancel_these(ARRAY(
      SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = seal_batch.batch AND l.job_id IS NOT NULL));
  END IF;
END $$;
COMMENT ON FUNCTION moed.seal_batch(uuid) IS 'Ends the adding of lines to a batch, in a transaction of its own.';

CREATE FUNCTION moed.begin_import(
  name text, import_key text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user),
  OUT batch uuid, OUT next_part int, OUT is_open boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.tenant_for(tenant, moed.role_of(caller));
BEGIN
  SELECT b.id, b.sealed_at IS NULL, i.next_part INTO batch, is_open, next_part
    FROM moed.batch b LEFT JOIN moed.batch_import i ON i.batch_id = b.id
   WHERE b.tenant_id = owner_id AND b.import_key = begin_import.import_key;
  IF FOUND THEN RETURN; END IF;
  batch := moed.new_batch(name, tenant, completion_window, reasoning, caller);
  UPDATE moed.batch b SET sealed_at = NULL, import_key = begin_import.import_key WHERE b.id = begin_import.batch;
  INSERT INTO moed.batch_import (batch_id, tenant, priority, run_at, reasoning, model)
  VALUES (batch, begin_import.tenant, begin_import.priority, begin_import.run_at, begin_import.reasoning, begin_import.model);
  is_open := true;
  next_part := 0;
END $$;
COMMENT ON FUNCTION moed.begin_import(text, text, text, numeric, timestamptz, interval, text, text, moed.acting_role) IS 'Begins a batch whose lines moed.import_part() adds, or finds the one that the tenant began with this import_key. Returns the batch, the number of the part that comes next, and whether parts may still be added. Leave caller out.';

CREATE FUNCTION moed.import_part(
  batch uuid, part int, lines text, caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS int LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  state record;
  added record;
BEGIN
  SELECT i.*, b.expires_at, b.cancelled_at INTO state
    FROM moed.batch_import i JOIN moed.batch b ON b.id = i.batch_id
   WHERE i.batch_id = import_part.batch AND i.file_id IS NULL AND moed.may_touch(b.tenant_id, moed.role_of(caller))
     FOR UPDATE OF i;
  IF NOT FOUND OR state.cancelled_at IS NOT NULL THEN
    RAISE EXCEPTION 'no lines can be added to batch %', import_part.batch USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'It is complete, was cancelled, or is not there.';
  END IF;
  IF part < state.next_part THEN RETURN 0; END IF;
  IF part > state.next_part THEN
    RAISE EXCEPTION 'part % of batch % comes before part %', state.next_part, import_part.batch, part
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO added FROM moed.add_lines(
    import_part.batch, lines, state.lines, state.tenant, state.priority, state.run_at, state.expires_at, state.reasoning,
    state.model, caller);
  UPDATE moed.batch_import i
     SET next_part = i.next_part + 1, lines = i.lines + coalesce(added.read_lines, 0), touched_at = clock_timestamp()
   WHERE i.batch_id = import_part.batch;
  RETURN coalesce(added.imported, 0);
END $$;
COMMENT ON FUNCTION moed.import_part(uuid, int, text, moed.acting_role) IS 'Adds whole lines to a batch of moed.begin_import(). part counts the calls from 0; one that was added before changes nothing and returns 0. Returns how many lines were not empty. Leave caller out.';

CREATE FUNCTION moed.end_import(batch uuid, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = end_import.batch AND moed.may_touch(b.tenant_id, moed.role_of(caller))) THEN
    RAISE EXCEPTION 'there is no batch %', end_import.batch USING ERRCODE = 'undefined_object';
  END IF;
  PERFORM moed.seal_batch(end_import.batch);
END $$;
COMMENT ON FUNCTION moed.end_import(uuid, moed.acting_role) IS 'Says that a batch of moed.begin_import() has all of its lines. Leave caller out.';

CREATE FUNCTION moed.batch_output(
  batch uuid, after_line int DEFAULT 0, max_lines int DEFAULT NULL, OUT line int, OUT is_answer boolean, OUT text text)
RETURNS SETOF record LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = batch_output.batch) THEN
    RAISE EXCEPTION 'there is no batch %', batch_output.batch USING ERRCODE = 'undefined_object';
  END IF;
  -- Many programs end a line at U+0085, U+2028 and U+2029 as well. In JSON they stand in strings only.
  RETURN QUERY SELECT l.line, j.state IS NOT DISTINCT FROM 'succeeded', replace(replace(replace(left(json_build_object(
    'id', 'batch_req_' || coalesce(l.job_id::text, l.batch_id || '_' || l.line),
    'custom_id', l.custom_id,
    'response', CASE
      WHEN j.state = 'succeeded' THEN json_build_object('status_code', 200, 'request_id', 'req_' || l.job_id, 'body', r.body)
      WHEN j.state = 'failed' AND r.error_code <> 'expired' THEN json_build_object(
        'status_code', CASE WHEN e.is_ours THEN 500 ELSE 400 END,
        'request_id', 'req_' || l.job_id,
        'body', json_build_object('error', json_build_object(
          'message', r.error_message,
          'type', CASE WHEN e.is_ours THEN 'server_error' ELSE 'invalid_request_error' END,
          'param', r.error_param, 'code', r.error_code))) END,
    'error', CASE
      WHEN l.job_id IS NULL THEN json_build_object(
        'code', l.error_code, 'message', l.error_message, 'param', l.error_param, 'line', l.line)
      WHEN j.id IS NULL THEN json_build_object('code', 'pruned', 'message', 'the job was deleted after its retention')
      WHEN r.error_code = 'expired' THEN json_build_object('code', 'batch_expired', 'message', r.error_message)
      WHEN j.state = 'cancelled' THEN json_build_object('code', 'batch_cancelled', 'message', 'the job was cancelled') END
  )::text, -1) || coalesce(', "metadata" : ' || translate(m.metadata, E'\r\n', '  '), '') || '}',
    chr(133), E'\\u0085'), chr(8232), E'\\u2028'), chr(8233), E'\\u2029')
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id
  LEFT JOIN moed.job_request q ON q.job_id = j.id AND strpos(q.body::text, '"metadata"') > 0
  CROSS JOIN LATERAL (SELECT nullif(moed.json_member(q.body, 'metadata')::text, 'null') AS metadata) m
  CROSS JOIN LATERAL (SELECT r.error_code IN ('engine_error', 'worker_lost', 'result_refused') AS is_ours) e
  WHERE l.batch_id = batch_output.batch AND l.line > after_line AND (j.id IS NULL OR j.finished_at IS NOT NULL)
  ORDER BY l.line LIMIT max_lines;
END $$;
COMMENT ON FUNCTION moed.batch_output(uuid, int, int) IS 'Lines of OpenAI''s batch output after a line of the input, in its order: answers, and errors of jobs and lines. For outputs of any size, call it again with the last line that it returned.';

CREATE OR REPLACE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  notify boolean DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_batch uuid := moed.new_batch(name, tenant, completion_window, reasoning, caller);
  added record;
BEGIN
  UPDATE moed.batch b SET notifies = true WHERE b.id = new_batch AND notify;
  SELECT * INTO added FROM moed.add_lines(
    new_batch, lines, 0, tenant, priority, run_at, now() + completion_window, reasoning, model, caller);
  IF coalesce(added.imported, 0) = 0 THEN
    RAISE EXCEPTION 'the batch has no lines' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give one JSON object per line: {"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.';
  END IF;
  RETURN new_batch;
END $$;
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, boolean, moed.acting_role) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line at fault becomes an error of the batch; the others run. A job that has not ended within completion_window ends as expired. reasoning and model hold for lines that choose none. notify: NOTIFY moed_done with the batch''s id when all its jobs have ended. Leave caller out.';

CREATE OR REPLACE FUNCTION moed.export_batch(batch uuid) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT o.text FROM moed.batch_output(export_batch.batch) o
$$;
COMMENT ON FUNCTION moed.export_batch(uuid) IS 'Lines of OpenAI''s batch output in the order of the input: answers and errors of jobs that have ended. A line has the member metadata when its request has one. Call it again when moed.batches shows that the rest has ended.';

CREATE FUNCTION moed.api_begin_file(key text, name text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_id uuid;
BEGIN
  INSERT INTO moed.api_file (tenant_id, name, purpose)
  VALUES (moed.key_tenant(key, 'batches'), left(coalesce(nullif(api_begin_file.name, ''), 'upload.jsonl'), 512), 'batch')
  RETURNING id INTO new_id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.api_begin_file(text, text) IS 'For the gateway: begins the upload of a file.';

CREATE FUNCTION moed.api_add_part(key text, file uuid, part int, content text, lines int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
BEGIN
  UPDATE moed.api_file f
     SET bytes = f.bytes + octet_length(content), lines = f.lines + api_add_part.lines, parts = f.parts + 1
   WHERE f.id = file AND f.tenant_id = moed.key_tenant(key, 'batches') AND f.uploaded_at IS NULL AND f.parts = part;
  IF NOT FOUND THEN RAISE EXCEPTION 'no part can be added to file %', file USING ERRCODE = 'MO409'; END IF;
  INSERT INTO moed.api_file_part (file_id, part, content) VALUES (file, api_add_part.part, api_add_part.content);
END $$;
COMMENT ON FUNCTION moed.api_add_part(text, uuid, int, text, int) IS 'For the gateway: adds whole lines to a file whose upload has begun.';

CREATE FUNCTION moed.api_finish_file(key text, file uuid, purpose text, expires_after int DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  UPDATE moed.api_file f
     SET uploaded_at = clock_timestamp(), purpose = api_finish_file.purpose,
         expires_at = clock_timestamp() + make_interval(secs => expires_after)
   WHERE f.id = file AND f.tenant_id = moed.key_tenant(key, 'batches') AND f.uploaded_at IS NULL;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no upload %', file USING ERRCODE = 'MO404'; END IF;
END $$;
COMMENT ON FUNCTION moed.api_finish_file(text, uuid, text, int) IS 'For the gateway: ends the upload of a file.';

-- An unknown place to begin after ends the list: the file may have been deleted meanwhile.
CREATE FUNCTION moed.api_files(
  key text, only_file uuid DEFAULT NULL, after_file uuid DEFAULT NULL, max_files int DEFAULT 1, only_purpose text DEFAULT NULL,
  oldest_first boolean DEFAULT false)
RETURNS TABLE (id uuid, name text, purpose text, bytes bigint, lines int, created_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  RETURN QUERY
  SELECT f.id, f.name, f.purpose, f.bytes, f.lines, f.created_at, f.expires_at
    FROM moed.api_file f
    LEFT JOIN moed.api_file a ON a.id = after_file AND a.tenant_id = owner_id
   WHERE f.tenant_id = owner_id AND f.uploaded_at IS NOT NULL AND f.expires_at > clock_timestamp() IS NOT FALSE
     AND (only_file IS NULL OR f.id = only_file) AND (only_purpose IS NULL OR f.purpose = only_purpose)
     AND (after_file IS NULL OR CASE WHEN oldest_first THEN (f.created_at, f.id) > (a.created_at, a.id)
                                     ELSE (f.created_at, f.id) < (a.created_at, a.id) END)
   ORDER BY CASE WHEN oldest_first THEN f.created_at END, CASE WHEN oldest_first THEN f.id END, f.created_at DESC, f.id DESC
   LIMIT max_files;
END $$;
COMMENT ON FUNCTION moed.api_files(text, uuid, uuid, int, text, boolean) IS 'For the gateway: the files of a key''s tenant, newest first.';

CREATE FUNCTION moed.api_delete_file(key text, file uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM moed.batch_import i WHERE i.file_id = file) THEN
    RAISE EXCEPTION 'a batch is being made of this file: delete it when the batch is in progress' USING ERRCODE = 'MO409';
  END IF;
  DELETE FROM moed.api_file f
   WHERE f.id = file AND f.tenant_id = moed.key_tenant(key, 'batches');
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION moed.api_delete_file(text, uuid) IS 'For the gateway: deletes a file; false when there is none. Batches that were made of it stay.';

CREATE FUNCTION moed.api_file_part_of(key text, file uuid, part int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT p.content FROM moed.api_file f JOIN moed.api_file_part p ON p.file_id = f.id
   WHERE f.id = file AND f.uploaded_at IS NOT NULL AND p.part = api_file_part_of.part
     AND f.tenant_id = moed.key_tenant(key, 'batches')
$$;
COMMENT ON FUNCTION moed.api_file_part_of(text, uuid, int) IS 'For the gateway: a part of an uploaded file; NULL after the last one.';

CREATE FUNCTION moed.api_create_batch(key text, file uuid, time_window text, metadata json DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
  source moed.api_file;
  lasts interval;
  new_id uuid;
BEGIN
  SELECT * INTO source FROM moed.api_file f WHERE f.id = file AND f.tenant_id = owner_id AND f.uploaded_at IS NOT NULL;
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
    INSERT INTO moed.batch (name, tenant_id, sealed_at, expires_at, input_file, time_window, metadata)
    VALUES (source.name, owner_id, NULL, now() + lasts, file, api_create_batch.time_window, api_create_batch.metadata)
    RETURNING id INTO new_id;
    INSERT INTO moed.batch_import (batch_id, file_id, tenant)
    SELECT new_id, file, t.name FROM moed.tenant t WHERE t.id = owner_id;
    RETURN new_id;
  END IF;
  RAISE EXCEPTION 'completion_window must be a time such as 24h, at most a year'
    USING ERRCODE = 'MO400', CONSTRAINT = 'completion_window';
END $$;
COMMENT ON FUNCTION moed.api_create_batch(text, uuid, text, json) IS 'For the gateway: begins a batch of an uploaded file. moed.api_import_step() adds its lines.';

-- The last part and the seal are two transactions: see moed.seal_batch().
CREATE FUNCTION moed.api_import_step() RETURNS boolean
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

CREATE FUNCTION moed.api_batches(key text, only_batch uuid DEFAULT NULL, after_batch uuid DEFAULT NULL, max_batches int DEFAULT 1)
RETURNS TABLE (
  id uuid, status text, input_file uuid, time_window text, metadata json, created_at timestamptz, sealed_at timestamptz,
  expires_at timestamptz, finished_at timestamptz, cancelled_at timestamptz, total bigint, completed bigint, failed bigint,
  prompt_tokens bigint, cached_tokens bigint, completion_tokens bigint, reasoning_tokens bigint, model text,
  has_output boolean, has_errors boolean, line_errors json)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  RETURN QUERY
  SELECT p.id,
    CASE WHEN v.status IN ('completed', 'failed') AND x.expired THEN 'expired' ELSE v.status END,
    p.input_file, p.time_window, p.metadata, p.created_at, p.sealed_at, p.expires_at, v.finished_at, p.cancelled_at,
    v.lines, v.completed, v.failed + v.line_errors + v.cancelled,
    v.prompt_tokens::bigint, v.cached_tokens::bigint, v.completion_tokens::bigint, x.reasoning_tokens, x.model,
    v.finished_at IS NOT NULL AND v.completed > 0 AND NOT 'output' = ANY (p.deleted_outputs),
    p.sealed_at IS NOT NULL AND v.unfinished = 0 AND v.lines > v.completed AND NOT 'error' = ANY (p.deleted_outputs),
    CASE WHEN v.line_errors > 0 THEN (
      SELECT json_agg(json_build_object('code', e.error_code, 'message', e.error_message, 'param', e.error_param, 'line', e.line)
                      ORDER BY e.line)
        FROM (SELECT * FROM moed.batch_line l WHERE l.batch_id = p.id AND l.job_id IS NULL ORDER BY l.line LIMIT 100) e) END
    FROM (
      SELECT b.* FROM moed.batch b LEFT JOIN moed.batch a ON a.id = after_batch AND a.tenant_id = owner_id
       WHERE b.tenant_id = owner_id AND (only_batch IS NULL OR b.id = only_batch)
         AND (after_batch IS NULL OR (b.created_at, b.id) < (a.created_at, a.id))
       ORDER BY b.created_at DESC, b.id DESC LIMIT max_batches) AS p
    CROSS JOIN LATERAL (SELECT * FROM moed.batches b WHERE b.id = p.id) AS v
    CROSS JOIN LATERAL (
      SELECT coalesce(bool_or(r.error_code = 'expired'), false) AS expired,
             coalesce(sum(g.thinking_tokens + g.injected_tokens), 0)::bigint AS reasoning_tokens,
             min(coalesce(m.name, j.model_name)) AS model
        FROM moed.batch_line l
        LEFT JOIN moed.job j ON j.id = l.job_id
        LEFT JOIN moed.model m ON m.id = j.model_id
        LEFT JOIN moed.job_result r ON r.job_id = l.job_id AND j.state = 'failed'
        LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
       WHERE l.batch_id = p.id) AS x
   ORDER BY p.created_at DESC, p.id DESC;
END $$;
COMMENT ON FUNCTION moed.api_batches(text, uuid, uuid, int) IS 'For the gateway: batches of a key''s tenant, newest first.';

CREATE FUNCTION moed.api_cancel_batch(key text, batch uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = api_cancel_batch.batch AND b.tenant_id = owner_id) THEN
    RAISE EXCEPTION 'there is no batch with this id' USING ERRCODE = 'MO404', CONSTRAINT = 'batch_id';
  END IF;
  PERFORM moed.cancel_batch(api_cancel_batch.batch, moed.call_stamp(current_user));
END $$;
COMMENT ON FUNCTION moed.api_cancel_batch(text, uuid) IS 'For the gateway: cancels a batch of a key''s tenant.';

CREATE FUNCTION moed.api_output(key text, batch uuid, answers boolean, after_line int, max_lines int)
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
     AND NOT CASE WHEN answers THEN 'output' ELSE 'error' END = ANY (b.deleted_outputs);
END $$;
COMMENT ON FUNCTION moed.api_output(text, uuid, boolean, int, int) IS 'For the gateway: lines of a batch''s output file or error file. The text of a line of the other file is NULL.';

CREATE FUNCTION moed.api_delete_output(key text, batch uuid, answers boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  kind text := CASE WHEN answers THEN 'output' ELSE 'error' END;
BEGIN
  UPDATE moed.batch b SET deleted_outputs = b.deleted_outputs || kind
   WHERE b.id = api_delete_output.batch AND b.tenant_id = moed.key_tenant(key, 'batches') AND NOT kind = ANY (b.deleted_outputs);
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION moed.api_delete_output(text, uuid, boolean) IS 'For the gateway: deletes a batch''s output file or error file for the API. SQL still shows the jobs.';

CREATE FUNCTION moed.api_models(key text) RETURNS TABLE (name text, registered_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM moed.key_tenant(key, NULL);
  RETURN QUERY SELECT m.name, m.registered_at FROM moed.model m WHERE m.registered_at IS NOT NULL ORDER BY m.name;
END $$;
COMMENT ON FUNCTION moed.api_models(text) IS 'For the gateway: models that a worker has served.';

CREATE FUNCTION moed.api_chat(key text, body text, priority numeric, expires_after int) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  owner_id int := moed.key_tenant(key, 'chat');
  asked text := moed.model_key(coalesce(moed.json_text(body::json, 'model'), 'default'));
  known int := moed.model_of(asked);
  reasons text[];
BEGIN
  IF known = 0 THEN
    RAISE EXCEPTION 'the model % does not exist', asked USING ERRCODE = 'MO404', CONSTRAINT = 'model';
  END IF;
  reasons := moed.hindrances(owner_id, known, NULL);
  IF reasons IS NOT NULL THEN
    RAISE EXCEPTION 'no request is started now: %', array_to_string(reasons, '; ') USING ERRCODE = 'MO429';
  END IF;
  RETURN moed.insert_job(
    params => body::json, tenant => (SELECT t.name FROM moed.tenant t WHERE t.id = owner_id), priority => priority,
    expires_at => clock_timestamp() + make_interval(secs => expires_after), caller => moed.call_stamp(current_user));
END $$;
COMMENT ON FUNCTION moed.api_chat(text, text, numeric, int) IS 'For the gateway: enqueues a request that a client waits for. An error when nothing of its tenant and model starts now.';

CREATE FUNCTION moed.api_chat_results(keys text[], jobs bigint[])
RETURNS TABLE (job bigint, state text, body json, error_code text, error_message text, error_param text)
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT j.id, j.state::text, r.body, r.error_code, r.error_message, r.error_param
    FROM unnest(keys, jobs) AS a(key, job)
    JOIN moed.job j ON j.id = a.job AND j.finished_at IS NOT NULL
    JOIN moed.api_key k ON k.digest = sha256(decode(a.key, 'hex')) AND k.tenant_id = j.tenant_id
    LEFT JOIN moed.job_result r ON r.job_id = j.id
$$;
COMMENT ON FUNCTION moed.api_chat_results(text[], bigint[]) IS 'For the gateway: those of its waiting requests that have ended, each asked for with the key that it came with.';

CREATE FUNCTION moed.api_cancel_chat(key text, job bigint) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.job j WHERE j.id = job AND j.tenant_id = moed.key_tenant(key, 'chat')) THEN RETURN 'unknown'; END IF;
  RETURN moed.cancel(job, moed.call_stamp(current_user));
END $$;
COMMENT ON FUNCTION moed.api_cancel_chat(text, bigint) IS 'For the gateway: cancels a request whose client has gone.';

CREATE OR REPLACE VIEW moed.batches WITH (security_invoker = true) AS
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
COMMENT ON COLUMN moed.batches.status IS 'validating (lines are being added), in_progress, cancelling, cancelled, failed (no line of it ran) or completed.';
