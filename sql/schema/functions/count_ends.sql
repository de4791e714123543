-- It joins neither transition table with the other: a plan made for one row would compare each row with each.
CREATE FUNCTION moed.count_ends() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Most statements end no job.
    IF EXISTS (SELECT FROM new_rows n WHERE n.finished_at IS NOT NULL) THEN
      INSERT INTO moed.batch_delta (batch_id, completed, failed, expired, cancelled, last_end)
      SELECT l.batch_id, count(*) FILTER (WHERE n.state = 'succeeded'), count(*) FILTER (WHERE n.state = 'failed'),
             count(*) FILTER (WHERE n.state = 'failed' AND EXISTS (
               SELECT FROM moed.job_result r WHERE r.job_id = n.id AND r.error_code = 'expired')),
             count(*) FILTER (WHERE n.state = 'cancelled'), max(n.finished_at)
        FROM new_rows n JOIN moed.batch_line l ON l.job_id = n.id
       WHERE n.finished_at IS NOT NULL GROUP BY l.batch_id;
    END IF;
  END IF;
  IF EXISTS (SELECT FROM old_rows o WHERE o.finished_at IS NOT NULL) THEN
    INSERT INTO moed.batch_delta (batch_id, completed, failed, expired, cancelled, pruned)
    SELECT l.batch_id, -count(*) FILTER (WHERE o.state = 'succeeded'), -count(*) FILTER (WHERE o.state = 'failed'),
           -count(*) FILTER (WHERE o.state = 'failed' AND EXISTS (
             SELECT FROM moed.job_result r WHERE r.job_id = o.id AND r.error_code = 'expired')),
           -count(*) FILTER (WHERE o.state = 'cancelled'), 0
      FROM old_rows o JOIN moed.batch_line l ON l.job_id = o.id
     WHERE o.finished_at IS NOT NULL GROUP BY l.batch_id;
  END IF;
  IF TG_OP = 'DELETE' THEN
    INSERT INTO moed.batch_delta (batch_id, pruned)
    SELECT l.batch_id, count(*) FROM old_rows o JOIN moed.batch_line l ON l.job_id = o.id GROUP BY l.batch_id;
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.count_ends() IS 'Adds ends of jobs, jobs that are queued again and deleted jobs to moed.batch_delta.';
