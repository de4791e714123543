CREATE FUNCTION moed.api_delete_file(key text, file uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM moed.batch_import i WHERE i.file_id = file) THEN
    RAISE EXCEPTION 'a batch is being made of this file: delete it when the batch is in progress' USING ERRCODE = 'MO409';
  END IF;
  DELETE FROM moed.api_file f
   WHERE f.id = file AND f.tenant_id = moed.key_tenant(key, 'batches');
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION moed.api_delete_file(text, uuid) IS 'For the gateway: deletes a file; false when there is none. Batches that were made of it stay.';
