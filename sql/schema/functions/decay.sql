CREATE FUNCTION moed.decay(age interval) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.power(0.5::double precision, least(100, greatest(0, extract(epoch FROM age)) / 300)::double precision)
$$;
COMMENT ON FUNCTION moed.decay(interval) IS 'Weight of usage of this age: half after five minutes.';
