CREATE FUNCTION moed.api_delete_output(key text, batch uuid, answers boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  kind text := CASE WHEN answers THEN 'output' ELSE 'error' END;
BEGIN
  UPDATE moed.batch b SET deleted_outputs = b.deleted_outputs || kind
   WHERE b.id = api_delete_output.batch AND b.tenant_id = moed.key_tenant(key, 'batches') AND NOT kind = ANY (b.deleted_outputs);
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION moed.api_delete_output(text, uuid, boolean) IS 'For the gateway: deletes a batch''s output file or error file for the API. SQL still shows the jobs.';
