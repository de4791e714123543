CREATE FUNCTION moed.api_operate(key text, action text, kind text DEFAULT NULL, name text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  PERFORM moed.key_tenant(key, 'operate');
  IF action = 'check' THEN
    RETURN 0;
  ELSIF action = 'redrive' AND name IS NOT NULL THEN
    RETURN moed.redrive_jobs(state => 'failed', error_code => name, caller => moed.call_stamp(current_user));
  ELSIF action = 'cancel' AND name ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
    RETURN moed.cancel_batch(name::uuid, moed.call_stamp(current_user));
  ELSIF action IN ('pause', 'resume') AND kind IN ('all', 'model', 'tenant') THEN
    RETURN moed.set_paused(kind, name, action = 'pause');
  END IF;
  RAISE EXCEPTION 'there is no such action' USING ERRCODE = 'MO400', CONSTRAINT = 'action';
EXCEPTION WHEN undefined_object THEN
  RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'MO404', CONSTRAINT = 'name';
END $$;
COMMENT ON FUNCTION moed.api_operate(text, text, text, text) IS 'For the page of the gateway, with a key of scope operate: check; redrive (failed jobs of the error code name); cancel (batch name); pause and resume (kind all, model or tenant). Returns the number of jobs, or of pauses in force.';
