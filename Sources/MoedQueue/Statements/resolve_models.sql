-- resolve_models: looks up the model names of queued jobs that no worker had registered when they were enqueued.
--
-- A job whose name is registered by now gets its model. Any other one fails. Jobs that another transaction locks are
-- skipped. Returns the numbers of both.
--
-- An open transaction may lock any number of a tenant's jobs, and each of them costs time. Of each tenant a share of $1 is
-- tried, and the tenants take turns: the jobs of one do not keep those of another waiting.
--
-- $1 tried bigint: maximum number of jobs to try to lock
-- $2 most bigint: maximum number of jobs to look up
WITH RECURSIVE head AS (
  (SELECT q.mode, q.bucket, q.tenant_id FROM moed.job q WHERE q.state = 'queued' AND q.model_id = 0
    ORDER BY q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id LIMIT 1)
  UNION ALL
  SELECT n.mode, n.bucket, n.tenant_id FROM head h CROSS JOIN LATERAL (
    SELECT q.mode, q.bucket, q.tenant_id FROM moed.job q
     WHERE q.state = 'queued' AND q.model_id = 0 AND (q.mode, q.bucket, q.tenant_id) > (h.mode, h.bucket, h.tenant_id)
     ORDER BY q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id LIMIT 1) n
), tried AS MATERIALIZED (
  SELECT j.id, j.place FROM head h CROSS JOIN LATERAL (
    SELECT q.id, row_number() OVER (ORDER BY q.urgency, q.id) AS place FROM (
      -- Ordered as the claim index is. With an order of ids alone a plan from old statistics would read all queued jobs.
      SELECT s.id, -s.priority AS urgency FROM moed.job s
       WHERE s.state = 'queued' AND s.model_id = 0 AND s.mode = h.mode AND s.bucket = h.bucket AND s.tenant_id = h.tenant_id
       ORDER BY s.model_id, s.mode, s.bucket, s.tenant_id, -s.priority, s.id
       LIMIT 1 + $1 / (SELECT count(*) FROM head)) q) j
   ORDER BY j.place, j.id
), waiting AS MATERIALIZED (
  -- Each is looked up by its key: a join, planned while there are few jobs, would compare each with each.
  SELECT d.* FROM tried t CROSS JOIN LATERAL (
    SELECT n.id, n.lease_token, n.model_name FROM moed.job n
     WHERE n.id = t.id AND n.state::text = 'queued' AND n.model_id = 0 FOR UPDATE SKIP LOCKED) d LIMIT $2
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
