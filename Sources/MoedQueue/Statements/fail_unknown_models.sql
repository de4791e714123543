-- fail_unknown_models: fails queued jobs that name a model which no worker ever registered. Returns their number.
--
-- $1 most bigint: maximum number of jobs to fail
WITH unknown AS MATERIALIZED (
  -- Jobs are read model by model in the order of the claim index. A join would read all queued jobs.
  SELECT j.id, j.lease_token, m.name FROM moed.model m CROSS JOIN LATERAL (
    SELECT q.id, q.lease_token FROM moed.job q WHERE q.state = 'queued' AND q.model_id = m.id
     ORDER BY q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id LIMIT $1 FOR UPDATE SKIP LOCKED) j
   WHERE m.registered_at IS NULL LIMIT $1
), known AS (
  SELECT string_agg(name, ', ' ORDER BY id) AS names FROM (
    SELECT id, name FROM moed.model WHERE registered_at IS NOT NULL ORDER BY id LIMIT 20) AS first
), moved AS (
  UPDATE moed.job j SET state = 'failed', finished_at = clock_timestamp()
    FROM unknown u WHERE j.id = u.id RETURNING j.id
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message, error_param)
  SELECT u.id, u.lease_token, 'model_not_found',
         format('no worker has ever served model "%s"; known are: %s', u.name, known.names), 'model'
    FROM unknown u CROSS JOIN known
)
SELECT count(*) AS jobs FROM moved
