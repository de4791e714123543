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
