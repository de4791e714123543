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
