CREATE FUNCTION moed.api_begin_file(key text, name text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  new_id uuid;
BEGIN
  INSERT INTO moed.api_file (tenant_id, name, purpose)
  VALUES (moed.key_tenant(key, 'batches'), left(coalesce(nullif(api_begin_file.name, ''), 'upload.jsonl'), 512), 'batch')
  RETURNING id INTO new_id;
  RETURN new_id;
END $$;
COMMENT ON FUNCTION moed.api_begin_file(text, text) IS 'For the gateway: begins the upload of a file.';
