-- take_back: takes running jobs from workers that have stopped or were declared dead.
--
-- A crash may be another job's fault. The first one costs a job an attempt. The second one puts it into bucket -1,
-- where it runs alone. A crash there ends it once its attempts are used up. Returns jobs per new state.
--
-- $1 most bigint: maximum number of jobs to take
WITH lost AS MATERIALIZED (
  SELECT j.id, j.lease_token, j.attempt, j.leased_by, j.started_at,
         CASE WHEN j.cancel_requested_at IS NOT NULL
                OR EXISTS (SELECT FROM moed.cancel_request r WHERE r.job_id = j.id) THEN 'cancelled'
              WHEN j.bucket = -1 AND j.attempt >= j.max_attempts THEN 'failed'
              ELSE 'queued' END::moed.job_state AS state
    FROM moed.job j
   WHERE j.state = 'running'
     AND NOT EXISTS (SELECT FROM moed.worker w WHERE w.id = j.leased_by AND w.stopped_at IS NULL)
   ORDER BY j.id LIMIT $1 FOR UPDATE OF j SKIP LOCKED
), moved AS (
  UPDATE moed.job j
     SET state = l.state, leased_by = NULL, crashes = j.crashes + 1,
         finished_at = CASE WHEN l.state <> 'queued' THEN clock_timestamp() END,
         bucket = CASE WHEN j.crashes >= 1 THEN -1 ELSE j.bucket END
    FROM lost l WHERE j.id = l.id
  RETURNING j.id, j.lease_token, j.state, j.crashes
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message)
  SELECT m.id, m.lease_token, 'worker_lost',
         format('the worker died %s times while running this job', m.crashes)
    FROM moved m WHERE m.state = 'failed'
), attempt AS (
  -- A daemon that knows no migration after 11 inserts the row when it claims.
  INSERT INTO moed.job_attempt AS a
    (job_id, lease_token, attempt, worker_id, started_at, ended_at, outcome, error_code, error_message)
  SELECT l.id, l.lease_token, l.attempt, l.leased_by, l.started_at, clock_timestamp(), 'lost', NULL, NULL
    FROM lost l
  ON CONFLICT (job_id, lease_token) DO UPDATE
     SET ended_at = excluded.ended_at, outcome = excluded.outcome, error_code = excluded.error_code,
         error_message = excluded.error_message
), checkpoint AS (
  SELECT moed.waste_checkpoints(array_agg(l.id)) AS pieces FROM lost l WHERE l.state <> 'queued'
)
SELECT m.state, count(*) AS jobs FROM moved m CROSS JOIN checkpoint GROUP BY m.state
