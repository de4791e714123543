-- cancel_waiting: cancels waiting jobs with a request to be cancelled. Their row was locked when moed.cancel() was
-- called, or they ran then. Jobs that another transaction locks are skipped. Returns their number.
--
-- Any number of requests may be for jobs that run or are locked, and each costs time. A limited number is looked at, from a
-- random one on.
--
-- $1 tried bigint: maximum number of requests to look at
-- $2 most bigint: maximum number of jobs to cancel
WITH start AS MATERIALIZED (
  SELECT b.first + floor(random() * (b.last - b.first + 1))::bigint AS id FROM (
    SELECT min(r.id) AS first, max(r.id) AS last FROM moed.cancel_request r) AS b
), asked AS MATERIALIZED (
  SELECT DISTINCT q.job_id FROM (
    (SELECT r.job_id FROM moed.cancel_request r WHERE r.id >= (SELECT s.id FROM start s) ORDER BY r.id LIMIT $1)
    UNION ALL
    (SELECT r.job_id FROM moed.cancel_request r WHERE r.id < (SELECT s.id FROM start s) ORDER BY r.id LIMIT $1)) AS q
), waiting AS MATERIALIZED (
  -- Each is looked up by its key: a join, planned while there are few jobs, would compare each with each.
  SELECT d.id FROM asked a CROSS JOIN LATERAL (
    SELECT j.id FROM moed.job j
     WHERE j.id = a.job_id AND j.state::text IN ('queued', 'scheduled') FOR UPDATE SKIP LOCKED) d LIMIT $2
), moved AS (
  UPDATE moed.job j SET state = 'cancelled', finished_at = clock_timestamp()
    FROM waiting w WHERE j.id = w.id RETURNING j.id
), checkpoint AS (SELECT moed.waste_checkpoints(array_agg(w.id)) AS pieces FROM waiting w)
SELECT count(*) AS jobs FROM moved m CROSS JOIN checkpoint
