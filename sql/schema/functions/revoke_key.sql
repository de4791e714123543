CREATE FUNCTION moed.revoke_key(key bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  UPDATE moed.api_key k SET revoked_at = clock_timestamp() WHERE k.id = revoke_key.key AND k.revoked_at IS NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION moed.revoke_key(bigint) IS 'Ends a key of the HTTP gateway at once; false when there is none or it was revoked before.';
