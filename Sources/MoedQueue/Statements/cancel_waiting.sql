-- cancel_waiting: cancels waiting jobs with a request to be cancelled. Their row was locked when moed.cancel() was
-- called, or they ran then. Jobs that another transaction locks are skipped. Returns their number.
--
-- $1 most bigint: maximum number of jobs to cancel
WITH asked AS MATERIALIZED (
  SELECT DISTINCT r.job_id FROM moed.cancel_request r
), waiting AS MATERIALIZED (
  SELECT j.id FROM asked a JOIN moed.job j ON j.id = a.job_id AND j.state::text IN ('queued', 'scheduled')
   LIMIT $1 FOR UPDATE OF j SKIP LOCKED
), moved AS (
  UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp()
    FROM waiting w WHERE j.id = w.id RETURNING j.id
), checkpoint AS (SELECT moed.waste_checkpoints(array_agg(w.id)) AS pieces FROM waiting w)
SELECT count(*) AS jobs FROM moved m CROSS JOIN checkpoint
