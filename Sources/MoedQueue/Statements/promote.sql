-- promote: moves scheduled jobs that are due into the state queued. Locked ones are skipped. Returns their number.
--
-- An open transaction may lock any number of a tenant's jobs, and each of them costs time. Of each tenant a share of $1 is
-- tried, and the tenants take turns: the jobs of one do not keep those of another waiting.
--
-- $1 tried bigint: maximum number of jobs to try to lock
-- $2 most bigint: maximum number of jobs to move
WITH RECURSIVE planner AS (
  (SELECT j.tenant_id FROM moed.job j WHERE j.state = 'scheduled' ORDER BY j.tenant_id, j.run_at LIMIT 1)
  UNION ALL
  SELECT n.tenant_id FROM planner o CROSS JOIN LATERAL (
    SELECT j.tenant_id FROM moed.job j
     WHERE j.state = 'scheduled' AND j.tenant_id > o.tenant_id ORDER BY j.tenant_id, j.run_at LIMIT 1) n
), tried AS MATERIALIZED (
  SELECT j.id, j.run_at, j.place FROM planner o CROSS JOIN LATERAL (
    SELECT q.id, q.run_at, row_number() OVER (ORDER BY q.run_at, q.id) AS place FROM (
      SELECT s.id, s.run_at FROM moed.job s
       WHERE s.state = 'scheduled' AND s.tenant_id = o.tenant_id AND s.run_at <= statement_timestamp()
       ORDER BY s.tenant_id, s.run_at LIMIT 1 + $1 / (SELECT count(*) FROM planner)) q) j
   ORDER BY j.place, j.run_at
), due AS MATERIALIZED (
  -- Each is looked up by its key: a join, planned while there are few jobs, would compare each with each.
  SELECT d.id FROM tried t CROSS JOIN LATERAL (
    SELECT n.id FROM moed.job n WHERE n.id = t.id AND n.state::text = 'scheduled' FOR UPDATE SKIP LOCKED) d LIMIT $2
), moved AS (
  UPDATE moed.job j SET state = 'queued' FROM due d WHERE j.id = d.id RETURNING j.id
), woken AS (SELECT moed.wake_idle() FROM moved LIMIT 1)
SELECT (SELECT count(*) FROM moved) AS jobs, (SELECT count(*) FROM woken) AS woken
