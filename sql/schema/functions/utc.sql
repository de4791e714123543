CREATE FUNCTION moed.utc(instant timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT CASE WHEN isfinite(instant) THEN to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
              WHEN instant > now() THEN 'the end of time' ELSE 'the beginning of time' END
$$;
COMMENT ON FUNCTION moed.utc(timestamptz) IS 'An instant in words, in UTC; independent of DateStyle and TimeZone.';
