CREATE FUNCTION moed.api_cancel_chat(key text, job bigint) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM moed.job j WHERE j.id = job AND j.tenant_id = moed.key_tenant(key, 'chat')) THEN RETURN 'unknown'; END IF;
  RETURN moed.cancel(job, moed.call_stamp(current_user));
END $$;
COMMENT ON FUNCTION moed.api_cancel_chat(text, bigint) IS 'For the gateway: cancels a request whose client has gone.';
