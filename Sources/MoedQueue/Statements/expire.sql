-- expire: fails waiting jobs that are past their deadline. Locked ones are skipped. Returns their number.
--
-- An open transaction may lock any number of a tenant's jobs, and each of them costs time. Of each tenant a share of $1 is
-- tried, and the tenants take turns: the jobs of one do not keep those of another waiting.
--
-- $1 tried bigint: maximum number of jobs to try to lock
-- $2 most bigint: maximum number of jobs to fail
WITH RECURSIVE hurried AS (
  (SELECT j.tenant_id FROM moed.job j
    WHERE j.expires_at IS NOT NULL AND j.finished_at IS NULL ORDER BY j.tenant_id, j.expires_at LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM hurried o CROSS JOIN LATERAL (
    SELECT j.tenant_id FROM moed.job j
     WHERE j.expires_at IS NOT NULL AND j.finished_at IS NULL AND j.tenant_id > o.tenant_id
     ORDER BY j.tenant_id, j.expires_at LIMIT 1) n
), tried AS MATERIALIZED (
  SELECT j.id, j.expires_at, j.place FROM hurried o CROSS JOIN LATERAL (
    SELECT q.id, q.expires_at, row_number() OVER (ORDER BY q.expires_at, q.id) AS place FROM (
      SELECT s.id, s.expires_at FROM moed.job s
       WHERE s.tenant_id = o.tenant_id AND s.expires_at <= statement_timestamp() AND s.finished_at IS NULL
         AND s.state IN ('queued', 'scheduled')
       ORDER BY s.tenant_id, s.expires_at LIMIT 1 + $1 / (SELECT count(*) FROM hurried)) q) j
   ORDER BY j.place, j.expires_at
), late AS MATERIALIZED (
  -- Each is looked up by its key: a join, planned while there are few jobs, would compare each with each.
  SELECT d.* FROM tried t CROSS JOIN LATERAL (
    SELECT n.id, n.lease_token, n.expires_at FROM moed.job n
     WHERE n.id = t.id AND n.state::text IN ('queued', 'scheduled') FOR UPDATE SKIP LOCKED) d LIMIT $2
), moved AS (
  UPDATE moed.job j SET state = 'failed', finished_at = clock_timestamp()
    FROM late l WHERE j.id = l.id RETURNING j.id
), result AS (
  INSERT INTO moed.job_result (job_id, lease_token, error_code, error_message)
  SELECT l.id, l.lease_token, 'expired', moed.expired_message(l.expires_at) FROM late l
), checkpoint AS (SELECT moed.waste_checkpoints(array_agg(l.id)) AS pieces FROM late l)
SELECT count(*) AS jobs FROM moved CROSS JOIN checkpoint
