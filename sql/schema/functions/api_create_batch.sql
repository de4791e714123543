CREATE FUNCTION moed.api_create_batch(key text, file uuid, time_window text, metadata json DEFAULT NULL, output_lifetime int DEFAULT NULL) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
  source moed.api_file;
  lasts interval;
  new_id uuid;
BEGIN
  SELECT * INTO source FROM moed.api_file f WHERE f.id = file AND f.tenant_id = owner_id AND f.uploaded_at IS NOT NULL
     AND f.expires_at > clock_timestamp() IS NOT FALSE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no file with this id' USING ERRCODE = 'MO404', CONSTRAINT = 'input_file_id';
  ELSIF source.purpose <> 'batch' THEN
    RAISE EXCEPTION 'the purpose of the file must be batch, not %', source.purpose
      USING ERRCODE = 'MO400', CONSTRAINT = 'input_file_id';
  ELSIF source.lines = 0 THEN
    RAISE EXCEPTION 'the file has no lines' USING ERRCODE = 'MO400', CONSTRAINT = 'input_file_id';
  END IF;
  BEGIN
    lasts := time_window::interval;
  EXCEPTION WHEN data_exception THEN
    NULL;
  END;
  IF lasts > interval '0' AND lasts <= interval '1 year' THEN
    INSERT INTO moed.batch (name, tenant_id, sealed_at, expires_at, input_file, time_window, metadata, output_lifetime)
    VALUES (source.name, owner_id, NULL, now() + lasts, file, api_create_batch.time_window, api_create_batch.metadata,
            api_create_batch.output_lifetime)
    RETURNING id INTO new_id;
    INSERT INTO moed.batch_import (batch_id, file_id, tenant)
    SELECT new_id, file, t.name FROM moed.tenant t WHERE t.id = owner_id;
    RETURN new_id;
  END IF;
  RAISE EXCEPTION 'completion_window must be a time such as 24h, at most a year'
    USING ERRCODE = 'MO400', CONSTRAINT = 'completion_window';
END $$;
COMMENT ON FUNCTION moed.api_create_batch(text, uuid, text, json, int) IS 'For the gateway: begins a batch of an uploaded file. moed.api_import_step() adds its lines.';
