CREATE FUNCTION moed.milliseconds(earlier timestamptz, later timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN pg_catalog.isfinite(earlier) AND pg_catalog.isfinite(later)
              THEN greatest(0, (extract(epoch FROM later - earlier) * 1000)::bigint) END
$$;
COMMENT ON FUNCTION moed.milliseconds(timestamptz, timestamptz) IS 'Milliseconds between two instants, at least 0; NULL unless both are finite.';
