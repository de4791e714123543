-- backlog: finds the heads of the queue, one row each. A head is the first queued job of a job class, tenant and
-- priority.
--
-- The recursion jumps through the claim index from one head to the next, so a million queued jobs cost no more than a
-- thousand. The heads of a job class are limited, so that invented priorities and tenants do not cost the polls of all. Of
-- a tenant's priorities the most urgent ones are heads. A job class begins at a random tenant and goes around: of very
-- many tenants each poll finds others. While a transaction holds an old snapshot, the index keeps entries of jobs that ran
-- since. They are skipped here; a claim that begins at these heads does not read them again.
--
-- $1 models text[]: names of the models to poll
-- $2 most bigint: maximum number of jobs counted per job class
-- $3 priorities bigint: maximum number of heads per job class and tenant
-- $4 heads bigint: maximum number of heads per job class
WITH RECURSIVE start AS MATERIALIZED (
  -- Ids of tenants are small numbers, or begin at 2^30 and follow from names; see moed.tenant_key().
  SELECT CASE WHEN random() < 0.5 THEN 1073741824 + floor(random() * 1073741824)
              ELSE floor(random() * (1 + coalesce((SELECT max(t.id) FROM moed.tenant t WHERE t.id < 1073741824), 0))) END::int
           AS tenant
), head AS (
  -- Before all classes.
  SELECT -1 AS model_id, 'thinking'::moed.reasoning_mode AS mode, (-32768)::smallint AS bucket, 0 AS tenant_id,
         0::smallint AS urgency, NULL::bigint AS id, NULL::timestamptz AS due, false AS wrapped, 0::bigint AS place,
         0::bigint AS heads
  UNION ALL
  SELECT n.*,
         CASE WHEN (n.model_id, n.mode, n.bucket, n.tenant_id) = (h.model_id, h.mode, h.bucket, h.tenant_id)
              THEN h.place + 1 ELSE 1 END,
         CASE WHEN (n.model_id, n.mode, n.bucket) = (h.model_id, h.mode, h.bucket) THEN h.heads + 1 ELSE 1 END
    FROM head h CROSS JOIN start s CROSS JOIN LATERAL (
      SELECT q.* FROM (
        -- The next head of the class: 32767 is after every priority of a tenant. Having gone around, it ends at the start.
        (SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority AS urgency, j.id,
                greatest(j.created_at, j.run_at) AS due, h.wrapped
           FROM moed.job j
          WHERE j.state = 'queued' AND h.heads < $4 AND j.model_id = h.model_id AND j.mode = h.mode AND j.bucket = h.bucket
            AND (j.tenant_id, -j.priority) > (h.tenant_id, CASE WHEN h.place < $3 THEN h.urgency ELSE 32767 END)
            AND j.tenant_id < CASE WHEN h.wrapped THEN s.tenant ELSE 2147483648 END
          ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1)
        UNION ALL
        (SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id, greatest(j.created_at, j.run_at), true
           FROM moed.job j
          WHERE j.state = 'queued' AND h.heads < $4 AND NOT h.wrapped AND j.model_id = h.model_id AND j.mode = h.mode
            AND j.bucket = h.bucket AND j.tenant_id < s.tenant
          ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1)
        UNION ALL
        -- The next class.
        (SELECT f.* FROM (
           SELECT c.model_id, c.mode, c.bucket FROM moed.job c
            WHERE c.state = 'queued' AND (c.model_id, c.mode, c.bucket) > (h.model_id, h.mode, h.bucket)
            ORDER BY c.model_id, c.mode, c.bucket, c.tenant_id, -c.priority, c.id LIMIT 1) k
         CROSS JOIN LATERAL (
           SELECT e.* FROM (
             (SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority AS urgency, j.id,
                     greatest(j.created_at, j.run_at) AS due, false AS wrapped
                FROM moed.job j
               WHERE j.state = 'queued' AND j.model_id = k.model_id AND j.mode = k.mode AND j.bucket = k.bucket
                 AND j.tenant_id >= s.tenant
               ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1)
             UNION ALL
             (SELECT j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id, greatest(j.created_at, j.run_at), true
                FROM moed.job j
               WHERE j.state = 'queued' AND j.model_id = k.model_id AND j.mode = k.mode AND j.bucket = k.bucket
                 AND j.tenant_id < s.tenant
               ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 1)
           ) e LIMIT 1) f)) q LIMIT 1) n
), busy AS MATERIALIZED (
  -- Running jobs per tenant. They are read worker by worker, each from its first_token. A join may start with the
  -- entries of all jobs that ran since the oldest snapshot.
  SELECT j.tenant_id, sum(j.jobs)::bigint AS jobs FROM moed.worker w CROSS JOIN LATERAL (
    SELECT q.tenant_id, count(*) AS jobs
      FROM moed.job q WHERE q.state = 'running' AND q.leased_by = w.id AND q.lease_token >= w.first_token
     GROUP BY q.tenant_id) j
   WHERE w.stopped_at IS NULL GROUP BY j.tenant_id
), open AS MATERIALIZED (
  -- A tenant is looked up by its key for each of its heads. A join of the heads with the tenants would compare each with
  -- each.
  SELECT h.model_id, h.mode, h.bucket, h.tenant_id, h.urgency, h.id, m.name, s.weight, s.max_running, s.recent_jobs, s.recent_tokens,
         s.tenant, s.may_leave,
         greatest(0, extract(epoch FROM clock_timestamp() - h.due) * 1000)::bigint AS age_ms
    FROM head h JOIN moed.model m ON m.id = h.model_id AND m.paused_at IS NULL
   CROSS JOIN LATERAL (
    SELECT t.weight, t.max_running, t.recent_jobs, t.recent_tokens, t.name AS tenant, t.may_leave
      FROM moed.tenants t WHERE t.id = h.tenant_id AND t.may_start LIMIT 1) s
   WHERE m.name = ANY ($1) AND h.id IS NOT NULL
), active AS (
  SELECT o.model_id, o.mode, o.bucket, max(o.age_ms) AS oldest_ms FROM open o GROUP BY o.model_id, o.mode, o.bucket
), counted AS MATERIALIZED (
  -- An upper bound ends a scan only behind equalities: one of whole rows would read the rest of the model's queue.
  SELECT a.*,
         (SELECT count(*) FROM (
            SELECT FROM open o CROSS JOIN LATERAL (
              SELECT FROM moed.job j
               WHERE j.state = 'queued' AND j.model_id = o.model_id AND j.mode = o.mode AND j.bucket = o.bucket
                 AND j.tenant_id = o.tenant_id AND (-j.priority, j.id) >= (o.urgency, o.id) AND -j.priority <= o.urgency
               ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT $2) AS n
             WHERE o.model_id = a.model_id AND o.mode = a.mode AND o.bucket = a.bucket LIMIT $2) AS limited) AS queued
    FROM active a
)
SELECT o.name, o.mode, o.bucket, c.queued, c.oldest_ms,
       o.tenant_id, o.urgency, o.id, o.age_ms,
       o.weight, o.max_running, coalesce(b.jobs, 0) AS running, o.recent_jobs, o.recent_tokens, o.tenant, o.may_leave
  FROM counted c JOIN open o ON o.model_id = c.model_id AND o.mode = c.mode AND o.bucket = c.bucket
  LEFT JOIN busy b ON b.tenant_id = o.tenant_id
 ORDER BY o.name, o.mode, o.bucket, o.tenant_id, o.urgency
