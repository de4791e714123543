CREATE FUNCTION moed.json_fault(source text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  reason text;
  detail text;
BEGIN
  PERFORM source::json;
  RETURN NULL;
EXCEPTION
  WHEN program_limit_exceeded THEN
    RETURN 'nested too deeply';
  WHEN data_exception THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, reason = MESSAGE_TEXT;
    RETURN coalesce(nullif(detail, ''), reason);
END $$;
COMMENT ON FUNCTION moed.json_fault(text) IS 'Reason why a text is not JSON, in PostgreSQL''s words; NULL when it is.';
