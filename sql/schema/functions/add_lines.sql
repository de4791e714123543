CREATE FUNCTION moed.add_lines(
  batch uuid, lines text, lines_before int, tenant text, priority numeric, run_at timestamptz, expires_at timestamptz,
  reasoning text, model text, caller moed.acting_role, OUT read_lines int, OUT imported int)
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  entry record;
  line_text text;
  read record;
  job bigint;
BEGIN
  imported := 0;
  -- Lines that the batch adds nothing to are enqueued in one statement, several times as fast.
  IF reasoning IS NULL AND model IS NULL THEN
    WITH entries AS MATERIALIZED (
      SELECT s.number::int AS number,
             CASE WHEN lines_before + s.number = 1 THEN ltrim(btrim(s.value, E' \t\r'), chr(65279))
                  ELSE btrim(s.value, E' \t\r') END AS text
        FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
    ), lines_read AS MATERIALIZED (
      SELECT e.number, r.* FROM entries e CROSS JOIN LATERAL moed.read_line(e.text) AS r WHERE e.text <> ''
    ), checked AS MATERIALIZED (
      SELECT r.*, r.error_code IS NULL AND (
          row_number() OVER (PARTITION BY r.custom_id, r.error_code IS NULL ORDER BY r.number) > 1
          OR EXISTS (SELECT FROM moed.batch_line b WHERE b.batch_id = batch AND b.custom_id = r.custom_id AND b.job_id IS NOT NULL))
          AS is_double
        FROM lines_read r
    ), good AS MATERIALIZED (
      SELECT array_agg(c.number ORDER BY c.number) AS numbers, array_agg(c.body ORDER BY c.number) AS bodies
        FROM checked c WHERE c.error_code IS NULL AND NOT c.is_double
    ), jobs AS MATERIALIZED (
      SELECT g.numbers[j.place] AS number, j.id
        FROM good g CROSS JOIN LATERAL moed.enqueue_many(
          g.bodies, tenant => tenant, priority => priority, run_at => run_at, expires_at => expires_at, caller => caller)
          WITH ORDINALITY AS j(id, place)
    ), added AS (
      INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
      SELECT batch, lines_before + c.number, c.custom_id, j.id,
             CASE WHEN c.is_double THEN 'duplicate_custom_id' ELSE c.error_code END,
             CASE WHEN c.is_double THEN 'an earlier line has this custom_id' ELSE left(c.error_message, 1000) END,
             CASE WHEN c.is_double THEN 'custom_id' ELSE c.error_param END
        FROM checked c LEFT JOIN jobs j ON j.number = c.number
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM added), (SELECT max(e.number) FROM entries e) INTO imported, read_lines;
    IF lines = '' OR right(lines, 1) = E'\n' THEN read_lines := read_lines - 1; END IF;
    RETURN;
  END IF;
  FOR entry IN SELECT s.value, s.number::int AS number FROM string_to_table(lines, E'\n') WITH ORDINALITY AS s(value, number)
  LOOP
    read_lines := entry.number;
    line_text := btrim(entry.value, E' \t\r');
    IF lines_before + entry.number = 1 THEN line_text := ltrim(line_text, chr(65279)); END IF;
    CONTINUE WHEN line_text = '';
    imported := imported + 1;
    job := NULL;
    SELECT * INTO read FROM moed.read_line(line_text);
    IF read.error_code IS NULL AND EXISTS (
      SELECT FROM moed.batch_line b WHERE b.batch_id = batch AND b.custom_id = read.custom_id AND b.job_id IS NOT NULL)
    THEN
      read.error_code := 'duplicate_custom_id';
      read.error_message := 'an earlier line has this custom_id';
      read.error_param := 'custom_id';
    END IF;
    IF read.error_code IS NULL THEN
      job := moed.insert_job(
        params => read.body, tenant => tenant, priority => priority, run_at => run_at, expires_at => expires_at,
        reasoning => CASE WHEN reasoning IS NOT NULL AND NOT moed.chooses_mode(read.body) THEN reasoning END,
        model => CASE WHEN model IS NOT NULL AND moed.json_text(read.body, 'model') IS NULL THEN model END, caller => caller);
    END IF;
    INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id, error_code, error_message, error_param)
    VALUES (batch, lines_before + entry.number, read.custom_id, job, read.error_code, left(read.error_message, 1000),
            read.error_param);
  END LOOP;
  -- After the last end of line comes no other line.
  IF lines = '' OR right(lines, 1) = E'\n' THEN read_lines := read_lines - 1; END IF;
END $$;
COMMENT ON FUNCTION moed.add_lines(uuid, text, int, text, numeric, timestamptz, timestamptz, text, text, moed.acting_role) IS 'Adds lines to a batch: a job for each good line, an error for each bad one. Returns how many lines it read, and how many of them were not empty.';
