-- claim: gives queued jobs of one job class to a worker, each with a new lease token.
--
-- Pauses, budgets and caps are current, not those of the backlog behind the portions. Jobs that another transaction
-- locks are skipped. A worker that was declared dead gets none.
--
-- $1 worker bigint: the worker, a row of moed.worker
-- $2 model text: name of the job class's model
-- $3 mode text: reasoning mode of the job class
-- $4 bucket bigint: length class of the job class
-- $5 tenant_id int[]: tenant of each portion; $5 to $9 are one column each
-- $6 urgency int[]: priority of the portion with the sign changed
-- $7 first_id bigint[]: first queued job of that tenant and priority
-- $8 most bigint[]: maximum number of jobs of this portion
-- $9 tenant_most bigint[]: maximum number of jobs of all portions of its tenant together
-- $10 body_bytes_max bigint: a longer request body is not returned
-- $11 computed_by text: checkpoints of this origin are returned; NULL: none
-- $12 bytes_max bigint: bodies of the claimed jobs have so many bytes together; the last one may exceed it
-- $13 is_house boolean: the worker may run jobs that may not leave the house; false: jobs of batches without money stay
-- $14 due_ms bigint: only jobs with a deadline so soon; NULL: all
WITH wanted AS MATERIALIZED (
  SELECT m.id AS model_id, $3::moed.reasoning_mode AS mode, $4::smallint AS bucket, clock_timestamp() AS now
    FROM moed.model m WHERE m.name = $2 AND m.paused_at IS NULL AND EXISTS (
      SELECT FROM moed.worker w
       WHERE w.id = $1 AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp())
), portion AS MATERIALIZED (
  -- Running jobs of a tenant are read worker by worker, each from its first_token. A join may start with the entries of
  -- all jobs that ran since the oldest snapshot.
  SELECT p.*, t.name AS tenant, t.may_leave, CASE WHEN t.max_running IS NULL THEN p.tenant_most
           ELSE least(p.tenant_most, greatest(0, t.max_running - (
             SELECT count(*) FROM moed.worker w CROSS JOIN LATERAL (
               SELECT q.tenant_id
                 FROM moed.job q WHERE q.state = 'running' AND q.leased_by = w.id AND q.lease_token >= w.first_token) j
              WHERE w.stopped_at IS NULL AND j.tenant_id = t.id))) END AS allowed
    FROM unnest($5, $6, $7, $8, $9) WITH ORDINALITY
      AS p(tenant_id, urgency, first_id, most, tenant_most, place)
    JOIN moed.tenants t ON t.id = p.tenant_id AND t.may_start
), picked AS MATERIALIZED (
  -- May hold more jobs than are taken when a tenant has several portions. The upper bound of the priority ends the scan,
  -- because equalities come before it: one of whole rows would read the rest of the model's queue. With an equality of the
  -- priority, too, the order would be that of ids alone, and a plan from old statistics would read all jobs in it. An open
  -- transaction may lock any number of a tenant's jobs. Each locked one costs time, so that at most 10000 jobs of a portion
  -- are tried; the tenant's others wait for the end of the transaction.
  SELECT c.id, c.resumes, c.bytes, p.tenant_id, p.tenant, p.may_leave, p.allowed,
         row_number() OVER (PARTITION BY p.tenant_id ORDER BY p.place, c.id) AS rank
    FROM wanted g CROSS JOIN portion p CROSS JOIN LATERAL (
      SELECT n.id, n.lease_token > 0 AS resumes, coalesce(r.body_bytes, octet_length(r.body::text)) AS bytes FROM (
        (SELECT j.id FROM moed.job j
          WHERE $14::bigint IS NULL AND j.state = 'queued' AND (j.expires_at > g.now) IS NOT false
            AND j.model_id = g.model_id AND j.mode = g.mode AND j.bucket = g.bucket AND j.tenant_id = p.tenant_id
            AND (-j.priority, j.id) >= (p.urgency, p.first_id) AND -j.priority <= p.urgency
          ORDER BY j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id LIMIT 10000)
        UNION ALL
        -- The next deadlines of the tenant, of all job classes.
        (SELECT d.id FROM (
           SELECT j.id, j.model_id, j.mode, j.bucket, j.priority, j.state::text AS state FROM moed.job j
            WHERE $14::bigint IS NOT NULL AND j.tenant_id = p.tenant_id AND j.finished_at IS NULL
              AND j.expires_at > g.now AND j.expires_at <= g.now + $14 * interval '1 ms'
            ORDER BY j.tenant_id, j.expires_at LIMIT 20000) d
          WHERE d.state = 'queued' AND d.model_id = g.model_id AND d.mode = g.mode AND d.bucket = g.bucket
            AND -d.priority = p.urgency)) w
        JOIN moed.job n ON n.id = w.id AND n.state::text = 'queued' AND n.bucket = g.bucket
                        AND ($13 OR moed.may_spend(n.id))
        JOIN moed.job_request r ON r.job_id = n.id
       LIMIT least(p.most, p.allowed) FOR UPDATE OF n SKIP LOCKED) c
), bounded AS (
  -- A body that is not returned takes no room.
  SELECT p.*, coalesce(sum(p.bytes) FILTER (WHERE p.bytes <= $10) OVER (
           ORDER BY p.rank, p.tenant_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
    FROM picked p WHERE p.rank <= p.allowed
), taken AS (
  UPDATE moed.job j
     SET state = 'running', attempt = j.attempt + 1, leased_by = $1,
         lease_token = nextval('moed.lease_token_seq'), started_at = clock_timestamp()
    FROM bounded p WHERE j.id = p.id AND p.bytes_before < $12
  RETURNING j.id, j.lease_token, j.attempt, j.crashes, j.expires_at, p.tenant_id, p.tenant, p.may_leave, p.rank, p.resumes, p.bytes,
            moed.milliseconds(greatest(j.created_at, j.run_at), j.started_at) AS waited_ms
)
SELECT k.id, k.lease_token, k.attempt, k.crashes, k.waited_ms, k.tenant_id, k.tenant, k.rank,
       k.may_leave AND moed.may_spend(k.id) AS may_leave, moed.milliseconds(clock_timestamp(), k.expires_at) AS left_ms,
       CASE WHEN k.bytes <= $10 THEN r.body END AS body,
       CASE WHEN k.resumes THEN (
         SELECT json_agg(json_build_object('choice', p.choice, 'first_token', p.first_token, 'token_ids', p.token_ids)
                         ORDER BY p.choice, p.first_token)
           FROM moed.job_checkpoint p WHERE p.job_id = k.id AND p.computed_by = $11) END AS saved
  FROM taken k JOIN moed.job_request r ON r.job_id = k.id
