-- Keys of the scope operate act on the page.

COMMENT ON COLUMN moed.api_key.scopes IS 'Rights of the key: batches (files and batches), chat (direct answers), operate (actions of the page, over all tenants).';

CREATE OR REPLACE FUNCTION moed.create_key(
  tenant text, digest text, hint text, name text DEFAULT NULL, scopes text[] DEFAULT '{batches,chat}',
  expires_at timestamptz DEFAULT NULL, requests_per_minute int DEFAULT NULL, tokens_per_minute int DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_id bigint;
BEGIN
  IF coalesce(digest, '') !~ '^[0-9a-f]{64}$' THEN
    RAISE EXCEPTION 'digest must be the SHA-256 of the key in 64 hexadecimal digits' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT scopes <@ '{batches,chat,operate}' OR cardinality(scopes) = 0 THEN
    RAISE EXCEPTION 'scopes must be some of batches, chat and operate, not %', array_to_string(scopes, ', ')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO moed.api_key (tenant_id, name, digest, hint, scopes, expires_at, requests_per_minute, tokens_per_minute)
  VALUES (moed.tenant_of(tenant), coalesce(name, hint), sha256(decode(digest, 'hex')), hint, scopes, create_key.expires_at,
          create_key.requests_per_minute, create_key.tokens_per_minute)
  RETURNING id INTO new_id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.create_key(text, text, text, text, text[], timestamptz, int, int) IS 'Adds a key of the HTTP gateway by the SHA-256 of it, and returns its number. The last two are limits of its direct requests. `moed key create` makes the key and calls this.';

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
