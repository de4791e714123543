CREATE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  notify boolean DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_batch uuid;
  entry record;
  line_text text;
  read record;
  job bigint;
  imported int := 0;
  deadline timestamptz := now() + completion_window;
BEGIN
  IF coalesce(length(name), 0) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'name must have 1 to 512 characters, not %', coalesce(length(name), 0)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF reasoning NOT IN ('thinking', 'non_thinking') THEN
    RAISE EXCEPTION 'reasoning must be thinking or non_thinking, not "%"', reasoning USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.batch (name, tenant_id, notifies)
  VALUES (import_batch.name, moed.tenant_for(tenant, moed.role_of(caller)), coalesce(notify, false))
  RETURNING id INTO new_batch;
  FOR entry IN SELECT s.value, s.number::int AS number FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
  LOOP
    line_text := btrim(entry.value, E' \t\r');
    IF entry.number = 1 THEN line_text := ltrim(line_text, chr(65279)); END IF;
    CONTINUE WHEN line_text = '';
    imported := imported + 1;
    job := NULL;
    SELECT * INTO read FROM moed.read_line(line_text);
    IF read.error_code IS NULL AND EXISTS (
      SELECT FROM moed.batch_line b WHERE b.batch_id = new_batch AND b.custom_id = read.custom_id AND b.job_id IS NOT NULL)
    THEN
      read.error_code := 'duplicate_custom_id';
      read.error_message := 'an earlier line has this custom_id';
      read.error_param := 'custom_id';
    END IF;
    IF read.error_code IS NULL THEN
      job := moed.insert_job(
        params => read.body, tenant => tenant, priority => priority, run_at => run_at, expires_at => deadline,
        reasoning => CASE WHEN reasoning IS NOT NULL AND NOT moed.chooses_mode(read.body) THEN reasoning END,
        model => CASE WHEN model IS NOT NULL AND moed.json_text(read.body, 'model') IS NULL THEN model END, caller => caller);
    END IF;
    INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
    VALUES (new_batch, entry.number, read.custom_id, job, read.error_code, left(read.error_message, 1000), read.error_param);
  END LOOP;
  IF imported = 0 THEN
    RAISE EXCEPTION 'the batch has no lines' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give one JSON object per line: {"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.';
  END IF;
  RETURN new_batch;
END $$;
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, boolean, moed.acting_role) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line at fault becomes an error of the batch; the others run. A job that has not ended within completion_window ends as expired. reasoning and model hold for lines that choose none. notify: NOTIFY moed_done with the batch''s id when all its jobs have ended. Leave caller out.';
