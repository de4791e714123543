CREATE FUNCTION moed.api_chat(key text, body text, priority numeric, expires_after int) RETURNS bigint
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
