CREATE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL)
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
  deadline timestamptz := now() + completion_window;
BEGIN
  INSERT INTO moed.batch (name, tenant_id)
  VALUES (import_batch.name, moed.tenant_for(tenant))
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
        params => body, tenant => tenant, priority => priority, run_at => run_at, expires_at => deadline);
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
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line that is at fault becomes an error of the batch; the others run. What has not ended within completion_window ends as expired.';
