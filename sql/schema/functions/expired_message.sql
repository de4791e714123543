CREATE FUNCTION moed.expired_message(expires_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'not done by its deadline, ' || moed.utc(expires_at)
$$;
COMMENT ON FUNCTION moed.expired_message(timestamptz) IS 'Error message of a job that missed its deadline.';
