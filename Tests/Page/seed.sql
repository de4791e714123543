-- A database with 100,000 jobs in 1,000 batches of 50 tenants, a week of minutes, workers and endpoints.
SET jit = off;
INSERT INTO moed.model (name, registered_at) VALUES ('qwen3-0.6b', now()), ('qwen3-30b-a3b', now());
SELECT moed.tenant_of('tenant ' || n) FROM generate_series(1, 50) AS n \g /dev/null
UPDATE moed.tenant SET weight = 1 + id % 4, tokens_per_day = CASE WHEN id % 3 = 0 THEN 4000000 END WHERE name LIKE 'tenant %';
CREATE TEMP TABLE tenant_list AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM moed.tenant WHERE name LIKE 'tenant %';
CREATE TEMP TABLE model_list AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM moed.model WHERE name LIKE 'qwen3%';
INSERT INTO moed.worker (host, pid, version, models, expires_at, running, tokens_per_second, status)
SELECT 'gpu-' || n, 1000 + n, '1.0', ARRAY(SELECT id FROM moed.model), now() + interval '1 day', 50, 312.5 + n, 'Running 50 jobs'
  FROM generate_series(1, 4) AS n;
INSERT INTO moed.endpoint_state (worker_id, endpoint, place, api, model, state, since, in_flight, max_in_flight,
  tokens_per_second, requests, tokens, errors)
SELECT w.id, e.name, e.place, 'tokens', 'm', 'up', now(), 7, 64, 99, 1000, 100000, '{}'
  FROM moed.worker w, (VALUES ('vllm-a', 0), ('vllm-b', 1)) AS e(name, place);
INSERT INTO moed.batch (id, name, tenant_id, created_at, sealed_at)
SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'batch ' || n, t.id, now() - n * interval '5 minutes', now()
  FROM generate_series(1, 1000) AS n JOIN tenant_list t ON t.place = n % 50;
INSERT INTO moed.job (created_at, run_at, tenant_id, model_id, bucket, mode, state, attempt, started_at, finished_at, leased_by,
  lease_token)
SELECT created, created, t.id, m.id, 9, (CASE WHEN n % 3 = 0 THEN 'thinking' ELSE 'non_thinking' END)::moed.reasoning_mode,
       s.state::moed.job_state, CASE WHEN s.state = 'queued' THEN 0 ELSE 1 END, CASE WHEN s.state <> 'queued' THEN created END,
       CASE WHEN s.state IN ('succeeded', 'failed', 'cancelled')
            THEN greatest(created, now() - (n * 7919 % 100000) * interval '2 seconds') END,
       CASE WHEN s.state = 'running' THEN (SELECT min(id) FROM moed.worker) END, nextval('moed.lease_token_seq')
  FROM generate_series(1, 100000) AS n
  CROSS JOIN LATERAL (SELECT now() - (n % 1000 + 1) * interval '5 minutes' AS created) c
  CROSS JOIN LATERAL (SELECT CASE WHEN n % 5 = 0 THEN 'queued' WHEN n % 500 = 1 THEN 'running' WHEN n % 13 = 2 THEN 'failed'
                             WHEN n % 97 = 3 THEN 'cancelled' ELSE 'succeeded' END AS state) s
  JOIN tenant_list t ON t.place = (n % 1000 + 1) % 50 JOIN model_list m ON m.place = n % 2;
INSERT INTO moed.job_request (job_id, body) SELECT id, '{"messages":[{"role":"user","content":"q"}]}' FROM moed.job;
INSERT INTO moed.batch_line (batch_id, line, custom_id, job_id)
SELECT b.id, row_number() OVER (PARTITION BY b.id ORDER BY j.id), j.id::text, j.id
  FROM moed.job j JOIN moed.batch b ON b.created_at = j.created_at;
INSERT INTO moed.job_result (job_id, lease_token, finish_reason, content, error_code, error_message)
SELECT j.id, j.lease_token, CASE j.state WHEN 'succeeded' THEN 'stop' END, CASE j.state WHEN 'succeeded' THEN 'answer' END,
       CASE j.state WHEN 'failed' THEN (ARRAY['invalid_value', 'context_length_exceeded', 'expired', 'worker_lost'])[1 + j.id % 4] END,
       CASE j.state WHEN 'failed' THEN 'a reason' END
  FROM moed.job j WHERE j.state IN ('succeeded', 'failed');
INSERT INTO moed.job_attempt (job_id, lease_token, attempt, worker_id, started_at, ended_at, outcome)
SELECT j.id, j.lease_token, 1, (SELECT min(id) FROM moed.worker), j.started_at, j.finished_at, j.state::text
  FROM moed.job j WHERE j.finished_at IS NOT NULL;
INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens, cached_tokens, thinking_tokens,
  injected_tokens, answer_tokens, recomputed_tokens, wall_ms, created_at)
SELECT j.id, j.lease_token, 'final', j.tenant_id, j.model_id, j.mode, 400, 150, 100, 0, 120, 0, 900, j.finished_at
  FROM moed.job j WHERE j.state = 'succeeded';
SELECT moed.fold_usage() \g /dev/null
SELECT moed.fold_batches() FROM generate_series(1, 30) \g /dev/null
-- The jobs came in their last states, without the updates that count them.
UPDATE moed.batch_count c
   SET completed = s.completed, failed = s.failed, cancelled = s.cancelled, prompt_tokens = s.prompt, cached_tokens = s.cached,
       completion_tokens = s.completion
  FROM (SELECT l.batch_id, count(*) FILTER (WHERE j.state = 'succeeded') AS completed,
               count(*) FILTER (WHERE j.state = 'failed') AS failed, count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled,
               coalesce(sum(g.prompt_tokens), 0) AS prompt, coalesce(sum(g.cached_tokens), 0) AS cached,
               coalesce(sum(g.completion_tokens), 0) AS completion
          FROM moed.batch_line l JOIN moed.job j ON j.id = l.job_id LEFT JOIN moed.token_ledger g ON g.job_id = l.job_id
         GROUP BY 1) s
 WHERE s.batch_id = c.batch_id;
INSERT INTO moed.minute_sample
SELECT date_trunc('minute', now(), 'UTC') - n * interval '1 minute', 9000 + wave * 4000, 3000 + wave * 1500, 6000 + wave * 3000,
       CASE WHEN n % 60 = 0 THEN 2000 ELSE 0 END, 30 + wave * 12, CASE WHEN n % 7 = 0 THEN 3 ELSE 0 END,
       CASE WHEN n % 90 = 0 THEN 20 ELSE 0 END, greatest(0, 20000 + wave * 9000), 200,
       json_build_object('vllm-a', json_build_array(round((300 + wave * 90)::numeric, 1), 40),
                         'vllm-b', json_build_array(round((200 - wave * 70)::numeric, 1), 30))
  FROM generate_series(1, 10080) AS n CROSS JOIN LATERAL (SELECT sin(n / 120.0) AS wave) w
 WHERE n NOT BETWEEN 600 AND 640;
ANALYZE;
