CREATE FUNCTION moed.clamp_remarks(priority numeric, max_attempts numeric) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.array_remove(ARRAY[
    CASE WHEN priority < -32767 OR priority > 32767 THEN
      pg_catalog.format('priority %s is outside of -32767 to 32767', priority) END,
    CASE WHEN max_attempts < 1 OR max_attempts > 1000 THEN
      pg_catalog.format('max_attempts %s is outside of 1 to 1000', max_attempts) END], NULL)
$$;
COMMENT ON FUNCTION moed.clamp_remarks(numeric, numeric) IS 'Warnings of a job whose priority or max_attempts was replaced by the nearest allowed value.';
