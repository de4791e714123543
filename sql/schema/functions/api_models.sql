CREATE FUNCTION moed.api_models(key text) RETURNS TABLE (name text, registered_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM moed.key_tenant(key, NULL);
  RETURN QUERY SELECT m.name, m.registered_at FROM moed.model m WHERE m.registered_at IS NOT NULL ORDER BY m.name;
END $$;
COMMENT ON FUNCTION moed.api_models(text) IS 'For the gateway: models that a worker has served.';
