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
