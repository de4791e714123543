CREATE FUNCTION moed.import_batch(
  name text, lines text, tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  completion_window interval DEFAULT NULL, reasoning text DEFAULT NULL, model text DEFAULT NULL,
  notify boolean DEFAULT NULL, money_max numeric DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_batch uuid := moed.new_batch(name, tenant, completion_window, reasoning, money_max, caller);
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
COMMENT ON FUNCTION moed.import_batch(text, text, text, numeric, timestamptz, interval, text, text, boolean, numeric, moed.acting_role) IS 'Enqueues the requests of a file in OpenAI''s batch format, one JSON object a line, and returns the batch''s id. A line at fault becomes an error of the batch; the others run. A job that has not ended within completion_window ends as expired. reasoning and model hold for lines that choose none. notify: NOTIFY moed_done with the batch''s id when all its jobs have ended. money_max: most that its requests to endpoints outside of the house may cost together; what would exceed it waits for an engine in the house. Leave caller out.';
