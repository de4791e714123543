-- A bad value (max_tokens -3, messages of a wrong shape) is stored as it is; that one job ends as failed when a worker
-- reads it. An error here would abort an INSERT ... SELECT of a million rows.
CREATE FUNCTION moed.insert_job(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature numeric DEFAULT NULL, top_p numeric DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p numeric DEFAULT NULL, presence_penalty numeric DEFAULT NULL, frequency_penalty numeric DEFAULT NULL,
  repetition_penalty numeric DEFAULT NULL, seed numeric DEFAULT NULL, stop text[] DEFAULT NULL,
  stop_token_ids numeric[] DEFAULT NULL, thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL,
  run_at timestamptz DEFAULT NULL, max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL,
  tenant text DEFAULT NULL, params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
  schema json DEFAULT NULL, choices text[] DEFAULT NULL, regex text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  system_message text := '{"role":"system","content":' || to_json(system)::text || '}';
  chat text;
  extra text;
  body text;
  new_tokens numeric := max_tokens;
  asked_model text := model;
  known_model int := 1;
  job_mode moed.reasoning_mode := CASE WHEN reasoning IN ('non_thinking', 'none') THEN 'non_thinking' ELSE 'thinking' END;
  owner_id int := moed.tenant_for(tenant, moed.role_of(caller));
  remarks text[] := moed.clamp_remarks(priority, max_attempts);
  new_id bigint;
BEGIN
  IF length(idempotency_key) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'idempotency_key must have 1 to 512 characters, not %', length(idempotency_key)
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF messages IS NULL THEN
    IF prompt IS NOT NULL OR system IS NOT NULL THEN
      chat := '[' || concat_ws(',', system_message, '{"role":"user","content":' || to_json(prompt)::text || '}') || ']';
    END IF;
  ELSE
    chat := messages::text;
    IF system IS NOT NULL THEN
      IF json_typeof(messages) = 'array' THEN
        chat := substr(chat, strpos(chat, '[') + 1);
        chat := '[' || system_message || CASE WHEN btrim(chat, E' \t\n\r') <> ']' THEN ',' ELSE '' END || chat;
      ELSE
        extra := ',"system":' || to_json(system)::text;
      END IF;
    END IF;
    -- Both given is a contradiction: kept as an unknown member, for which the job will fail.
    extra := nullif(concat(extra, ',"prompt":' || to_json(prompt)::text), '');
  END IF;
  IF params IS NOT NULL THEN
    asked_model := coalesce(model, moed.json_text(params, 'model'));
    new_tokens := coalesce(
      max_tokens, moed.json_number(params, 'max_completion_tokens'), moed.json_number(params, 'max_tokens'));
    IF reasoning IS NULL THEN job_mode := coalesce(moed.mode_of_body(params), 'thinking'); END IF;
  END IF;
  body := moed.request_body(
    messages => chat, reasoning => reasoning, max_tokens => max_tokens, model => model, temperature => temperature,
    top_p => top_p, top_k => top_k, min_p => min_p, presence_penalty => presence_penalty,
    frequency_penalty => frequency_penalty, repetition_penalty => repetition_penalty, seed => seed, stop => stop,
    stop_token_ids => stop_token_ids, thinking_token_budget => thinking_token_budget, params => params,
    extra => extra, schema => schema, choices => choices, regex => regex, metadata => metadata);

  IF asked_model IS NOT NULL THEN
    asked_model := moed.model_key(asked_model);
    known_model := moed.model_of(asked_model);
  END IF;
  INSERT INTO moed.job (tenant_id, model_id, model_name, mode, bucket, priority, run_at, state, max_attempts, idempotency_key,
                        expires_at, notifies)
  VALUES (
    owner_id,
    known_model,
    CASE known_model WHEN 0 THEN asked_model END,
    job_mode,
    moed.length_bucket(
      octet_length(coalesce(chat, body)), coalesce(new_tokens, CASE job_mode WHEN 'thinking' THEN 2048 ELSE 1024 END)),
    greatest(-32767, least(32767, coalesce(priority, 0))),
    coalesce(run_at, now()),
    CASE WHEN run_at > clock_timestamp() THEN 'scheduled'::moed.job_state ELSE 'queued' END,
    greatest(1, least(1000, coalesce(max_attempts, 5))),
    idempotency_key, insert_job.expires_at, coalesce(notify, false))
  ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
  RETURNING id INTO new_id;
  IF new_id IS NULL THEN
    SELECT j.id INTO new_id FROM moed.job j
      WHERE j.tenant_id = owner_id AND j.idempotency_key = insert_job.idempotency_key;
    IF new_id IS NULL THEN
      RAISE EXCEPTION 'the job with this idempotency_key was added by a concurrent transaction'
        USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN new_id;
  END IF;
  INSERT INTO moed.job_request (job_id, body, warnings, body_bytes)
  VALUES (new_id, moed.stored_body(body), nullif(remarks, '{}'), octet_length(body));
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.insert_job(text, text, numeric, json, text, text, numeric, numeric, numeric, numeric, numeric, numeric,
  numeric, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz,
  json, text[], text, json, boolean, moed.acting_role)
  IS 'Common part of moed.enqueue(), moed.import_batch() and INSERT INTO moed.jobs.';
