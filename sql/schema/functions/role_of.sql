CREATE FUNCTION moed.role_of(caller moed.acting_role) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  origin text := moed.call_stamp('');
BEGIN
  IF starts_with(caller, origin) THEN RETURN substr(caller, length(origin) + 1)::name; END IF;
  RAISE EXCEPTION 'the argument caller must be left out' USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION moed.role_of(moed.acting_role) IS 'Role that called a function; an error when the value is not of this transaction.';
