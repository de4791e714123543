-- An unknown place to begin after ends the list: the file may have been deleted meanwhile.
CREATE FUNCTION moed.api_files(
  key text, only_file uuid DEFAULT NULL, after_file uuid DEFAULT NULL, max_files int DEFAULT 1, only_purpose text DEFAULT NULL,
  oldest_first boolean DEFAULT false)
RETURNS TABLE (id uuid, name text, purpose text, bytes bigint, lines int, created_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  RETURN QUERY
  SELECT f.id, f.name, f.purpose, f.bytes, f.lines, f.created_at, f.expires_at
    FROM moed.api_file f
    LEFT JOIN moed.api_file a ON a.id = after_file AND a.tenant_id = owner_id
   WHERE f.tenant_id = owner_id AND f.uploaded_at IS NOT NULL AND f.expires_at > clock_timestamp() IS NOT FALSE
     AND (only_file IS NULL OR f.id = only_file) AND (only_purpose IS NULL OR f.purpose = only_purpose)
     AND (after_file IS NULL OR CASE WHEN oldest_first THEN (f.created_at, f.id) > (a.created_at, a.id)
                                     ELSE (f.created_at, f.id) < (a.created_at, a.id) END)
   ORDER BY CASE WHEN oldest_first THEN f.created_at END, CASE WHEN oldest_first THEN f.id END, f.created_at DESC, f.id DESC
   LIMIT max_files;
END $$;
COMMENT ON FUNCTION moed.api_files(text, uuid, uuid, int, text, boolean) IS 'For the gateway: the files of a key''s tenant, newest first.';
