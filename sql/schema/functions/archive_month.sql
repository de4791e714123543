CREATE FUNCTION moed.archive_month(month date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  name text := format('archive_%s', to_char(month, 'YYYY_MM'));
  starts timestamptz := month::timestamp AT TIME ZONE 'UTC';
BEGIN
  IF to_regclass('moed.' || name) IS NOT NULL THEN RETURN; END IF;
  -- Attaching leaves readers of the archive alone; PARTITION OF would wait for them, and others for it.
  EXECUTE format('CREATE TABLE moed.%I (LIKE moed.archive INCLUDING DEFAULTS INCLUDING CONSTRAINTS, CHECK (finished_at >= %L AND finished_at < %L))',
                 name, starts, (month + interval '1 month') AT TIME ZONE 'UTC');
  EXECUTE format('ALTER TABLE moed.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE moed.archive ATTACH PARTITION moed.%I FOR VALUES FROM (%L) TO (%L)',
                 name, starts, (month + interval '1 month') AT TIME ZONE 'UTC');
END $$;
COMMENT ON FUNCTION moed.archive_month(date) IS 'Adds the partition of a month, whose first day it takes, to moed.archive. Part of moed.archive_jobs().';
