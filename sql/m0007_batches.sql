-- Batches: a file of requests in OpenAI's batch format goes in, a file of answers comes out.

CREATE TABLE moed.batch (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
  tenant_id    int NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  cancelled_at timestamptz
);
COMMENT ON TABLE moed.batch IS 'One import by moed.import_batch().';
COMMENT ON COLUMN moed.batch.id IS 'Key, as moed.import_batch() returned it.';
COMMENT ON COLUMN moed.batch.name IS 'Name given at import, 1 to 512 characters.';
COMMENT ON COLUMN moed.batch.tenant_id IS 'moed.tenant.id.';
COMMENT ON COLUMN moed.batch.created_at IS 'When it was imported.';
COMMENT ON COLUMN moed.batch.cancelled_at IS 'When moed.cancel_batch() was called.';

-- No foreign key to moed.job: the line outlives a pruned job, as its token account does.
CREATE TABLE moed.batch_line (
  batch_id      uuid NOT NULL REFERENCES moed.batch ON DELETE CASCADE,
  line          int NOT NULL CHECK (line > 0),
  custom_id     text CHECK (length(custom_id) BETWEEN 1 AND 512),
  job_id        bigint,
  error_code    text,
  error_message text,
  error_param   text,
  PRIMARY KEY (batch_id, line),
  CONSTRAINT job_or_error CHECK ((job_id IS NULL) = (error_code IS NOT NULL))
);
COMMENT ON TABLE moed.batch_line IS 'Lines of imported batches: the job of each, or why it is none.';
COMMENT ON COLUMN moed.batch_line.batch_id IS 'moed.batch.id.';
COMMENT ON COLUMN moed.batch_line.line IS 'Number of the line in the file, from 1; empty lines count.';
COMMENT ON COLUMN moed.batch_line.custom_id IS 'The caller''s name for it, once per batch.';
COMMENT ON COLUMN moed.batch_line.job_id IS 'moed.job.id; NULL for a line that is at fault.';
COMMENT ON COLUMN moed.batch_line.error_code IS 'What is wrong with the line: invalid_json, missing_required_parameter, invalid_value or duplicate_custom_id.';
COMMENT ON COLUMN moed.batch_line.error_message IS 'The same in words.';
COMMENT ON COLUMN moed.batch_line.error_param IS 'Member at fault.';
CREATE UNIQUE INDEX batch_line_custom_id_idx ON moed.batch_line (batch_id, custom_id) WHERE job_id IS NOT NULL;

CREATE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_batch uuid;
  entry record;
  line_text text;
  request json;
  body json;
  fault text[];
  key text;
  job bigint;
  imported int := 0;
BEGIN
  INSERT INTO moed.batch (name, tenant_id)
  VALUES (import_batch.name, CASE WHEN tenant IS NULL THEN 1 ELSE moed.tenant_of(tenant) END)
  RETURNING id INTO new_batch;
  FOR entry IN SELECT s.value, s.number::int AS number FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
  LOOP
    line_text := btrim(entry.value, E' \t\r');
    IF entry.number = 1 THEN line_text := ltrim(line_text, U&'\FEFF'); END IF;
    CONTINUE WHEN line_text = '';
    imported := imported + 1;
    request := NULL; body := NULL; fault := NULL; key := NULL; job := NULL;
    BEGIN
      request := line_text::json;
    EXCEPTION WHEN data_exception THEN
      fault := ARRAY['invalid_json', 'the line is not JSON: ' || SQLERRM, NULL];
    END;
    BEGIN
      PERFORM request -> 'custom_id';
    EXCEPTION WHEN data_exception THEN
      -- PostgreSQL reads no member of an object with \u0000 or a lone surrogate in it: a copy of equal length has none.
      request := regexp_replace(line_text,
        '\\u0000|\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2})\\ud[c-f][0-9a-f]{2}',
        '\\ufffd', 'gi')::json;
    END;
    key := moed.json_text(request, 'custom_id');
    body := moed.json_member(request, 'body');
    IF fault IS NOT NULL THEN
      NULL;
    ELSIF json_typeof(request) <> 'object' THEN
      fault := ARRAY['invalid_value', 'the line must be a JSON object, not ' || json_typeof(request), NULL];
    ELSIF key IS NULL THEN
      fault := ARRAY['missing_required_parameter', 'custom_id must be a text of 1 to 512 characters', 'custom_id'];
    ELSIF length(key) NOT BETWEEN 1 AND 512 THEN
      fault := ARRAY['invalid_value', 'custom_id must have 1 to 512 characters, not ' || length(key), 'custom_id'];
      key := NULL;
    ELSIF EXISTS (SELECT FROM moed.batch_line b WHERE b.batch_id = new_batch AND b.custom_id = key AND b.job_id IS NOT NULL) THEN
      fault := ARRAY['duplicate_custom_id', 'an earlier line has this custom_id', 'custom_id'];
    ELSIF moed.json_member(request, 'method') IS NOT NULL AND moed.json_text(request, 'method') IS DISTINCT FROM 'POST' THEN
      fault := ARRAY['invalid_value', 'method must be POST', 'method'];
    ELSIF moed.json_member(request, 'url') IS NOT NULL
          AND moed.json_text(request, 'url') IS DISTINCT FROM '/v1/chat/completions' THEN
      fault := ARRAY['invalid_value', 'url must be /v1/chat/completions', 'url'];
    ELSIF json_typeof(body) IS DISTINCT FROM 'object' THEN
      fault := ARRAY['missing_required_parameter', 'body must be a JSON object', 'body'];
    ELSIF request::text <> line_text THEN
      -- The body stands in the line where it stands in the copy: that must be one place.
      IF length(request::text) - length(replace(request::text, body::text, '')) > length(body::text) THEN
        fault := ARRAY['invalid_value', 'another member is like body, and the line has \u0000 or a lone surrogate', 'body'];
      END IF;
      body := substr(line_text, strpos(request::text, body::text), length(body::text));
    END IF;
    IF fault IS NULL THEN
      job := moed.insert_job(
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        priority, run_at, NULL, NULL, tenant, body);
    END IF;
    INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
    VALUES (new_batch, entry.number, key, job, fault[1], left(fault[2], 1000), fault[3]);
  END LOOP;
  IF imported = 0 THEN
    RAISE EXCEPTION 'the batch has no lines' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give one JSON object per line: {"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.';
  END IF;
  RETURN new_batch;
END $$;
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line that is at fault becomes an error of the batch; the others run.';

CREATE FUNCTION moed.export_batch(batch uuid) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT json_build_object(
    'id', 'batch_req_' || coalesce(l.job_id::text, l.batch_id || '_' || l.line),
    'custom_id', l.custom_id,
    'response', CASE
      WHEN j.state = 'succeeded' THEN json_build_object('status_code', 200, 'request_id', 'req_' || l.job_id, 'body', r.body)
      WHEN j.state = 'failed' THEN json_build_object(
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
      WHEN j.state = 'cancelled' THEN json_build_object('code', 'batch_cancelled', 'message', 'the job was cancelled') END
  )::text
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.job_result r ON r.job_id = j.id
  CROSS JOIN LATERAL (SELECT r.error_code IN ('engine_error', 'worker_lost', 'result_refused') AS is_ours) e
  WHERE l.batch_id = batch AND (j.id IS NULL OR j.finished_at IS NOT NULL)
  ORDER BY l.line
$$;
COMMENT ON FUNCTION moed.export_batch(uuid) IS 'Lines of OpenAI''s batch output in the order of the input: answers and errors of what has ended. Call it again when moed.batches says that the rest has.';

CREATE FUNCTION moed.cancel_batch(batch uuid) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  stopped int;
BEGIN
  UPDATE moed.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp()) WHERE b.id = cancel_batch.batch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no batch %', cancel_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  SELECT count(*) FILTER (WHERE c.answer IN ('cancelled', 'requested')) INTO stopped FROM (
    SELECT moed.cancel(open.id) AS answer FROM (
      SELECT j.id FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id
       WHERE l.batch_id = cancel_batch.batch AND j.finished_at IS NULL ORDER BY j.id) AS open) AS c;
  RETURN stopped;
END $$;
COMMENT ON FUNCTION moed.cancel_batch(uuid) IS 'Cancels every job of a batch that has not ended; returns how many. Running ones are stopped by their workers within about a second.';

CREATE VIEW moed.batches WITH (security_invoker = true) AS
SELECT b.id, b.name, t.name AS tenant,
  CASE WHEN c.unfinished > 0 THEN CASE WHEN b.cancelled_at IS NULL THEN 'in_progress' ELSE 'cancelling' END
       WHEN c.cancelled > 0 THEN 'cancelled' ELSE 'completed' END AS status,
  c.lines, c.unfinished, c.completed, c.failed, c.cancelled, c.line_errors, c.pruned,
  c.prompt_tokens, c.cached_tokens, c.completion_tokens, c.total_tokens,
  b.created_at, b.cancelled_at, CASE WHEN c.unfinished = 0 THEN c.last_end END AS finished_at
FROM moed.batch b
JOIN moed.tenant t ON t.id = b.tenant_id
CROSS JOIN LATERAL (
  SELECT count(*) AS lines,
    count(*) FILTER (WHERE j.id IS NOT NULL AND j.finished_at IS NULL) AS unfinished,
    count(*) FILTER (WHERE j.state = 'succeeded') AS completed,
    count(*) FILTER (WHERE j.state = 'failed') AS failed,
    count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE l.job_id IS NULL) AS line_errors,
    count(*) FILTER (WHERE l.job_id IS NOT NULL AND j.id IS NULL) AS pruned,
    coalesce(sum(g.prompt_tokens), 0) AS prompt_tokens, coalesce(sum(g.cached_tokens), 0) AS cached_tokens,
    coalesce(sum(g.completion_tokens), 0) AS completion_tokens, coalesce(sum(g.total_tokens), 0) AS total_tokens,
    max(j.finished_at) AS last_end
  FROM moed.batch_line l
  LEFT JOIN moed.job j ON j.id = l.job_id
  LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id AND g.kind = 'final'
  WHERE l.batch_id = b.id) c;
COMMENT ON VIEW moed.batches IS 'Batches: how far they are and what they used. lines = unfinished + completed + failed + cancelled + line_errors + pruned.';
COMMENT ON COLUMN moed.batches.id IS 'Batch, for moed.export_batch() and moed.cancel_batch().';
COMMENT ON COLUMN moed.batches.name IS 'Name given at import.';
COMMENT ON COLUMN moed.batches.tenant IS 'Who it is for.';
COMMENT ON COLUMN moed.batches.status IS 'in_progress, cancelling, cancelled or completed.';
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
