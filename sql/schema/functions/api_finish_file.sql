CREATE FUNCTION moed.api_finish_file(key text, file uuid, purpose text, expires_after int DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  UPDATE moed.api_file f
     SET uploaded_at = clock_timestamp(), purpose = api_finish_file.purpose,
         expires_at = clock_timestamp() + make_interval(secs => expires_after)
   WHERE f.id = file AND f.tenant_id = moed.key_tenant(key, 'batches') AND f.uploaded_at IS NULL;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no upload %', file USING ERRCODE = 'MO404'; END IF;
END $$;
COMMENT ON FUNCTION moed.api_finish_file(text, uuid, text, int) IS 'For the gateway: ends the upload of a file.';
