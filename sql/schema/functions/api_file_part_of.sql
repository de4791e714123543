CREATE FUNCTION moed.api_file_part_of(key text, file uuid, part int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT p.content FROM moed.api_file f JOIN moed.api_file_part p ON p.file_id = f.id
   WHERE f.id = file AND f.uploaded_at IS NOT NULL AND f.expires_at > clock_timestamp() IS NOT FALSE AND p.part = api_file_part_of.part
     AND f.tenant_id = moed.key_tenant(key, 'batches')
$$;
COMMENT ON FUNCTION moed.api_file_part_of(text, uuid, int) IS 'For the gateway: a part of an uploaded file; NULL after the last one.';
