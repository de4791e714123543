-- resolve_models: looks up the model names of queued jobs that no worker had registered when they were enqueued.
--
-- A job whose name is registered by now gets its model. Any other one fails. Jobs that another transaction locks are
-- skipped. Returns the numbers of both.
--
-- $1 most bigint: maximum number of jobs to look at
WITH waiting AS MATERIALIZED (
  -- In the order of the claim index: a plan from old statistics would read all queued jobs. Each locked one costs time.
  SELECT n.id, n.lease_token, n.model_name FROM (
    SELECT q.id FROM moed.job q WHERE q.state = 'queued' AND q.model_id = 0
     ORDER BY q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id LIMIT 100000) w
    JOIN moed.job n ON n.id = w.id AND n.state::text = 'queued' AND n.model_id = 0 LIMIT $1 FOR UPDATE OF n SKIP LOCKED
), asked AS MATERIALIZED (
  SELECT w.*, m.id AS model_id
    FROM waiting w LEFT JOIN moed.model m ON m.name = w.model_name AND m.registered_at IS NOT NULL
), known AS (
  SELECT string_agg(name, ', ' ORDER BY id) AS names FROM (
    SELECT id, name FROM moed.model WHERE registered_at IS NOT NULL ORDER BY id LIMIT 20) AS first
), moved AS (
  UPDATE moed.job j
     SET model_id = coalesce(a.model_id, 0), model_name = CASE WHEN a.model_id IS NULL THEN a.model_name END,
         state = CASE WHEN a.model_id IS NULL THEN 'failed' ELSE 'queued' END::moed.job_state,
         finished_at = CASE WHEN a.model_id IS NULL THEN clock_timestamp() END
    FROM asked a WHERE j.id = a.id
  RETURNING a.model_id
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message, error_param)
  SELECT a.id, a.lease_token, 'model_not_found',
         format('no worker has ever served model "%s"; known are: %s', a.model_name, known.names), 'model'
    FROM asked a CROSS JOIN known WHERE a.model_id IS NULL
), woken AS (
  SELECT moed.wake_idle() FROM asked a WHERE a.model_id IS NOT NULL LIMIT 1
)
SELECT count(m.model_id) AS found, count(*) FILTER (WHERE m.model_id IS NULL) AS failed,
       (SELECT count(*) FROM woken) AS woken
  FROM moved m
