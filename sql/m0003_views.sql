-- What people read, and the insertable face of the queue.

CREATE FUNCTION moed.milliseconds(earlier timestamptz, later timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN pg_catalog.isfinite(earlier) AND pg_catalog.isfinite(later)
              THEN greatest(0, (extract(epoch FROM later - earlier) * 1000)::bigint) END
$$;
COMMENT ON FUNCTION moed.milliseconds(timestamptz, timestamptz) IS 'Milliseconds between two instants, at least 0; NULL unless both are finite.';

CREATE VIEW moed.jobs WITH (security_invoker = true) AS
SELECT
  j.id, j.state,
  moed.last_message(q.body, 'user') AS prompt,
  r.content, r.reasoning, j.mode, r.finish_reason,
  r.error_code || coalesce(' (' || r.error_param || ')', '') || ': ' || r.error_message AS error,
  r.error_code,
  nullif(array_to_string(r.warnings, '; '), '') AS warning,
  l.prompt_tokens, l.cached_tokens, l.thinking_tokens, l.injected_tokens, l.answer_tokens,
  l.completion_tokens, l.total_tokens,
  j.created_at, j.run_at, j.started_at, j.finished_at,
  CASE WHEN j.state <> 'scheduled' THEN
    moed.milliseconds(greatest(j.created_at, j.run_at), coalesce(j.started_at, j.finished_at, clock_timestamp())) END AS queued_ms,
  CASE WHEN j.started_at IS NOT NULL AND j.state <> 'queued' THEN
    moed.milliseconds(j.started_at, coalesce(j.finished_at, clock_timestamp())) END AS run_ms,
  j.attempt, j.max_attempts, j.priority,
  t.name AS tenant, m.name AS model,
  (SELECT w.host || '/' || w.pid FROM moed.job_attempt a JOIN moed.worker w ON w.id = a.worker_id
    WHERE a.job_id = j.id AND a.lease_token = j.lease_token) AS worker,
  j.idempotency_key,
  coalesce(r.seed::numeric, moed.json_number(q.body, 'seed')) AS seed,
  moed.json_number(q.body, 'max_tokens') AS max_tokens,
  moed.json_number(q.body, 'thinking_token_budget') AS thinking_token_budget,
  moed.json_number(q.body, 'temperature') AS temperature,
  moed.json_number(q.body, 'top_p') AS top_p,
  moed.json_number(q.body, 'top_k') AS top_k,
  moed.json_number(q.body, 'min_p') AS min_p,
  moed.json_number(q.body, 'presence_penalty') AS presence_penalty,
  moed.json_number(q.body, 'frequency_penalty') AS frequency_penalty,
  moed.json_number(q.body, 'repetition_penalty') AS repetition_penalty,
  moed.json_texts(q.body, 'stop') AS stop,
  moed.json_integers(q.body, 'stop_token_ids') AS stop_token_ids,
  moed.last_message(q.body, 'system') AS system,
  moed.json_member(q.body, 'messages') AS messages,
  NULL::json AS params,
  q.body AS request,
  r.body AS response
FROM moed.job j
JOIN moed.tenant t ON t.id = j.tenant_id
JOIN moed.model m ON m.id = j.model_id
LEFT JOIN moed.job_request q ON q.job_id = j.id
LEFT JOIN moed.job_result r ON r.job_id = j.id
LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final';
COMMENT ON VIEW moed.jobs IS 'Jobs with their answers, and the way to add many: INSERT INTO moed.jobs (prompt, reasoning) SELECT ... FROM my_table. A column not given is as in moed.enqueue().';
COMMENT ON COLUMN moed.jobs.id IS 'Job number.';
COMMENT ON COLUMN moed.jobs.state IS 'scheduled, queued, running, succeeded, failed or cancelled.';
COMMENT ON COLUMN moed.jobs.prompt IS 'Insert: the user''s message. Read: the last user message.';
COMMENT ON COLUMN moed.jobs.content IS 'The answer.';
COMMENT ON COLUMN moed.jobs.reasoning IS 'Insert: the mode, thinking or non_thinking. Read: the thinking text (the mode is read in column mode).';
COMMENT ON COLUMN moed.jobs.mode IS 'thinking or non_thinking.';
COMMENT ON COLUMN moed.jobs.finish_reason IS 'stop: came to its end. length: cut at max_tokens or the end of the context.';
COMMENT ON COLUMN moed.jobs.error IS 'Why it failed: code, field and message.';
COMMENT ON COLUMN moed.jobs.error_code IS 'Why it failed, for programs.';
COMMENT ON COLUMN moed.jobs.warning IS 'Remarks that did not stop the job.';
COMMENT ON COLUMN moed.jobs.prompt_tokens IS 'Tokens of the prompt.';
COMMENT ON COLUMN moed.jobs.cached_tokens IS 'Prompt tokens taken from a cached prefix.';
COMMENT ON COLUMN moed.jobs.thinking_tokens IS 'Generated up to and including the end of thinking.';
COMMENT ON COLUMN moed.jobs.injected_tokens IS 'Put in to end the thinking at its budget.';
COMMENT ON COLUMN moed.jobs.answer_tokens IS 'Generated outside of thinking, the end token included.';
COMMENT ON COLUMN moed.jobs.completion_tokens IS 'thinking + injected + answer.';
COMMENT ON COLUMN moed.jobs.total_tokens IS 'prompt + completion.';
COMMENT ON COLUMN moed.jobs.created_at IS 'When it was enqueued.';
COMMENT ON COLUMN moed.jobs.run_at IS 'Not started before.';
COMMENT ON COLUMN moed.jobs.started_at IS 'When the latest attempt began.';
COMMENT ON COLUMN moed.jobs.finished_at IS 'When it reached its final state.';
COMMENT ON COLUMN moed.jobs.queued_ms IS 'Milliseconds it waited for its latest start, or until now.';
COMMENT ON COLUMN moed.jobs.run_ms IS 'Milliseconds of the latest attempt, or until now.';
COMMENT ON COLUMN moed.jobs.attempt IS 'Attempts begun.';
COMMENT ON COLUMN moed.jobs.max_attempts IS 'Attempts after which a retryable failure is final.';
COMMENT ON COLUMN moed.jobs.priority IS 'Higher starts first.';
COMMENT ON COLUMN moed.jobs.tenant IS 'Who it is for.';
COMMENT ON COLUMN moed.jobs.model IS 'Model asked for; default: whatever the worker serves.';
COMMENT ON COLUMN moed.jobs.worker IS 'Host and process of the latest attempt.';
COMMENT ON COLUMN moed.jobs.idempotency_key IS 'Key that keeps it from being added twice.';
COMMENT ON COLUMN moed.jobs.seed IS 'Seed that was used, or else the one asked for.';
COMMENT ON COLUMN moed.jobs.max_tokens IS 'Most generated tokens, thinking included.';
COMMENT ON COLUMN moed.jobs.thinking_token_budget IS 'Most tokens of thinking.';
COMMENT ON COLUMN moed.jobs.temperature IS 'Sampling temperature; 0 is greedy.';
COMMENT ON COLUMN moed.jobs.top_p IS 'Nucleus sampling.';
COMMENT ON COLUMN moed.jobs.top_k IS 'Sampling among the K most probable tokens.';
COMMENT ON COLUMN moed.jobs.min_p IS 'Least probability relative to the most probable token.';
COMMENT ON COLUMN moed.jobs.presence_penalty IS 'Penalty for tokens that were generated before.';
COMMENT ON COLUMN moed.jobs.frequency_penalty IS 'Penalty per earlier generation of the token.';
COMMENT ON COLUMN moed.jobs.repetition_penalty IS 'Divisor for tokens in prompt or output; 1 is off.';
COMMENT ON COLUMN moed.jobs.stop IS 'Texts at which generation ends.';
COMMENT ON COLUMN moed.jobs.stop_token_ids IS 'Token ids at which generation ends.';
COMMENT ON COLUMN moed.jobs.system IS 'System message.';
COMMENT ON COLUMN moed.jobs.messages IS 'Chat messages, OpenAI''s shape.';
COMMENT ON COLUMN moed.jobs.params IS 'Insert only: further members of the request body, a JSON object.';
COMMENT ON COLUMN moed.jobs.request IS 'The whole request body as stored.';
COMMENT ON COLUMN moed.jobs.response IS 'OpenAI chat.completion object.';

CREATE FUNCTION moed.jobs_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF coalesce(NEW.id::text, NEW.state::text, NEW.content, NEW.request::text, NEW.finished_at::text) IS NOT NULL THEN
    RAISE EXCEPTION 'id, state, content, request and finished_at of moed.jobs are not for inserting'
      USING ERRCODE = 'generated_always';
  END IF;
  NEW.id := moed.insert_job(
    NEW.prompt, coalesce(NEW.reasoning, NEW.mode::text), NEW.max_tokens, NEW.messages, NEW.system, NEW.model,
    NEW.temperature, NEW.top_p, NEW.top_k, NEW.min_p, NEW.presence_penalty, NEW.frequency_penalty,
    NEW.repetition_penalty, NEW.seed, NEW.stop, NEW.stop_token_ids, NEW.thinking_token_budget,
    NEW.priority, NEW.run_at, NEW.max_attempts, NEW.idempotency_key, NEW.tenant, NEW.params);
  RETURN NEW;
END $$;
COMMENT ON FUNCTION moed.jobs_insert() IS 'Makes INSERT INTO moed.jobs enqueue.';
CREATE TRIGGER jobs_insert INSTEAD OF INSERT ON moed.jobs FOR EACH ROW EXECUTE FUNCTION moed.jobs_insert();

CREATE VIEW moed.usage_daily WITH (security_invoker = true) AS
SELECT
  (l.created_at AT TIME ZONE 'UTC')::date AS day, t.name AS tenant, m.name AS model, l.mode,
  count(*) FILTER (WHERE l.kind = 'final') AS jobs,
  coalesce(sum(l.prompt_tokens) FILTER (WHERE l.kind = 'final'), 0) AS prompt_tokens,
  coalesce(sum(l.cached_tokens) FILTER (WHERE l.kind = 'final'), 0) AS cached_tokens,
  coalesce(sum(l.thinking_tokens) FILTER (WHERE l.kind = 'final'), 0) AS thinking_tokens,
  coalesce(sum(l.injected_tokens) FILTER (WHERE l.kind = 'final'), 0) AS injected_tokens,
  coalesce(sum(l.answer_tokens) FILTER (WHERE l.kind = 'final'), 0) AS answer_tokens,
  coalesce(sum(l.completion_tokens) FILTER (WHERE l.kind = 'final'), 0) AS completion_tokens,
  coalesce(sum(l.total_tokens) FILTER (WHERE l.kind = 'final'), 0) AS total_tokens,
  coalesce(sum(l.recomputed_tokens), 0) AS recomputed_tokens,
  count(*) FILTER (WHERE l.kind = 'wasted') AS wasted_attempts,
  coalesce(sum(l.total_tokens) FILTER (WHERE l.kind = 'wasted'), 0) AS wasted_tokens
FROM moed.token_ledger l
JOIN moed.tenant t ON t.id = l.tenant_id
JOIN moed.model m ON m.id = l.model_id
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.usage_daily IS 'Token account per day (UTC), tenant, model and mode. Billed sums come from final rows only; recomputed and wasted tokens are in none of them.';
COMMENT ON COLUMN moed.usage_daily.day IS 'Day of completion, UTC.';
COMMENT ON COLUMN moed.usage_daily.tenant IS 'Who the jobs were for.';
COMMENT ON COLUMN moed.usage_daily.model IS 'Model asked for.';
COMMENT ON COLUMN moed.usage_daily.mode IS 'thinking or non_thinking.';
COMMENT ON COLUMN moed.usage_daily.jobs IS 'Jobs that succeeded.';
COMMENT ON COLUMN moed.usage_daily.prompt_tokens IS 'Sum of prompt tokens.';
COMMENT ON COLUMN moed.usage_daily.cached_tokens IS 'Of these, taken from a cached prefix.';
COMMENT ON COLUMN moed.usage_daily.thinking_tokens IS 'Sum of thinking tokens.';
COMMENT ON COLUMN moed.usage_daily.injected_tokens IS 'Sum of injected tokens.';
COMMENT ON COLUMN moed.usage_daily.answer_tokens IS 'Sum of answer tokens.';
COMMENT ON COLUMN moed.usage_daily.completion_tokens IS 'thinking + injected + answer.';
COMMENT ON COLUMN moed.usage_daily.total_tokens IS 'prompt + completion.';
COMMENT ON COLUMN moed.usage_daily.recomputed_tokens IS 'Computed again after a crash; not in any other column.';
COMMENT ON COLUMN moed.usage_daily.wasted_attempts IS 'Attempts whose tokens were thrown away.';
COMMENT ON COLUMN moed.usage_daily.wasted_tokens IS 'Their tokens; not in any other column.';

CREATE VIEW moed.queue_stats WITH (security_invoker = true) AS
SELECT m.name AS model, j.mode, j.bucket, j.state, count(*) AS jobs,
  clock_timestamp() - min(greatest(j.created_at, j.run_at)) FILTER (WHERE j.state IN ('queued', 'running')) AS oldest_age
FROM moed.job j JOIN moed.model m ON m.id = j.model_id
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW moed.queue_stats IS 'Jobs per group and state.';
COMMENT ON COLUMN moed.queue_stats.model IS 'Model asked for.';
COMMENT ON COLUMN moed.queue_stats.mode IS 'thinking or non_thinking.';
COMMENT ON COLUMN moed.queue_stats.bucket IS 'Length class; -1 is quarantine.';
COMMENT ON COLUMN moed.queue_stats.state IS 'State of these jobs.';
COMMENT ON COLUMN moed.queue_stats.jobs IS 'How many.';
COMMENT ON COLUMN moed.queue_stats.oldest_age IS 'How long the oldest queued or running one has been due.';

CREATE VIEW moed.workers WITH (security_invoker = true) AS
SELECT w.id, w.host, w.pid, w.version,
  ARRAY(SELECT m.name FROM moed.model m WHERE m.id = ANY (w.models) ORDER BY m.id) AS models,
  CASE WHEN w.stopped_at IS NOT NULL THEN 'stopped'
       WHEN w.expires_at <= clock_timestamp() THEN 'missing'
       WHEN w.idle THEN 'idle' ELSE 'busy' END AS state,
  (SELECT count(*) FROM moed.job j WHERE j.state = 'running' AND j.leased_by = w.id) AS jobs,
  w.tokens_per_second, w.status, w.started_at, w.seen_at, w.expires_at, w.stopped_at
FROM moed.worker w;
COMMENT ON VIEW moed.workers IS 'Daemons: what they serve and do.';
COMMENT ON COLUMN moed.workers.id IS 'Number of the worker.';
COMMENT ON COLUMN moed.workers.host IS 'Host name.';
COMMENT ON COLUMN moed.workers.pid IS 'Process id.';
COMMENT ON COLUMN moed.workers.version IS 'Version of moed.';
COMMENT ON COLUMN moed.workers.models IS 'Models it serves.';
COMMENT ON COLUMN moed.workers.state IS 'idle, busy, missing (lease expired) or stopped.';
COMMENT ON COLUMN moed.workers.jobs IS 'Jobs it holds now.';
COMMENT ON COLUMN moed.workers.tokens_per_second IS 'Generated tokens per second at the last beat.';
COMMENT ON COLUMN moed.workers.status IS 'What it is doing, in words.';
COMMENT ON COLUMN moed.workers.started_at IS 'When it registered.';
COMMENT ON COLUMN moed.workers.seen_at IS 'Last beat.';
COMMENT ON COLUMN moed.workers.expires_at IS 'End of its lease.';
COMMENT ON COLUMN moed.workers.stopped_at IS 'When it ended or was declared dead.';
