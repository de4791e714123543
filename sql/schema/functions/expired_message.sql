CREATE FUNCTION moed.expired_message(expires_at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'not done by its deadline, ' || to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
$$;
COMMENT ON FUNCTION moed.expired_message(timestamptz) IS 'What a job that missed its deadline says.';
