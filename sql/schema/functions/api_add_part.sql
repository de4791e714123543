CREATE FUNCTION moed.api_add_part(key text, file uuid, part int, content text, lines int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
BEGIN
  UPDATE moed.api_file f
     SET bytes = f.bytes + octet_length(content), lines = f.lines + api_add_part.lines, parts = f.parts + 1
   WHERE f.id = file AND f.tenant_id = moed.key_tenant(key, 'batches') AND f.uploaded_at IS NULL AND f.parts = part;
  IF NOT FOUND THEN RAISE EXCEPTION 'no part can be added to file %', file USING ERRCODE = 'MO409'; END IF;
  INSERT INTO moed.api_file_part (file_id, part, content) VALUES (file, api_add_part.part, api_add_part.content);
END $$;
COMMENT ON FUNCTION moed.api_add_part(text, uuid, int, text, int) IS 'For the gateway: adds whole lines to a file whose upload has begun.';
