CREATE FUNCTION moed.api_cancel_batch(key text, batch uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  owner_id int := moed.key_tenant(key, 'batches');
BEGIN
  IF NOT EXISTS (SELECT FROM moed.batch b WHERE b.id = api_cancel_batch.batch AND b.tenant_id = owner_id) THEN
    RAISE EXCEPTION 'there is no batch with this id' USING ERRCODE = 'MO404', CONSTRAINT = 'batch_id';
  END IF;
  PERFORM moed.cancel_batch(api_cancel_batch.batch, moed.call_stamp(current_user));
END $$;
COMMENT ON FUNCTION moed.api_cancel_batch(text, uuid) IS 'For the gateway: cancels a batch of a key''s tenant.';
