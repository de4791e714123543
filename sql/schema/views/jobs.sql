-- LEFT JOIN of moed.model: a job whose model no worker has registered has its name in moed.job.
CREATE VIEW moed.jobs WITH (security_invoker = true) AS
SELECT
  j.id, j.state,
  moed.last_message(q.body, 'user') AS prompt,
  r.content, r.reasoning, coalesce(l.mode, j.mode)::text AS mode, r.finish_reason,
  r.error_code || coalesce(' (' || r.error_param || ')', '') || ': ' || r.error_message AS error,
  r.error_code,
  nullif(array_to_string(q.warnings || r.warnings, '; '), '') AS warning,
  l.prompt_tokens, l.cached_tokens, l.thinking_tokens, l.injected_tokens, l.answer_tokens,
  coalesce(l.completion_tokens, l.told_completion_tokens) AS completion_tokens,
  coalesce(l.total_tokens, l.prompt_tokens + l.told_completion_tokens) AS total_tokens,
  j.created_at, j.run_at, j.started_at, j.finished_at,
  CASE WHEN j.state <> 'scheduled' THEN
    moed.milliseconds(greatest(j.created_at, j.run_at), coalesce(j.started_at, j.finished_at, clock_timestamp())) END AS queued_ms,
  CASE WHEN j.started_at IS NOT NULL AND j.state <> 'queued' THEN
    moed.milliseconds(j.started_at, coalesce(j.finished_at, clock_timestamp())) END AS run_ms,
  j.attempt, j.max_attempts::numeric AS max_attempts, j.priority::numeric AS priority,
  coalesce(t.name, (SELECT min(n.name) FROM moed.tenant_request n WHERE n.tenant_id = j.tenant_id)) AS tenant,
  coalesce(m.name, j.model_name) AS model,
  (SELECT w.host || '/' || w.pid FROM moed.worker w
    WHERE w.id = coalesce(j.leased_by, (SELECT a.worker_id FROM moed.job_attempt a
                                         WHERE a.job_id = j.id AND a.lease_token = j.lease_token))) AS worker,
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
  moed.json_integers(q.body, 'stop_token_ids')::numeric[] AS stop_token_ids,
  moed.last_message(q.body, 'system') AS system,
  moed.json_member(q.body, 'messages') AS messages,
  NULL::json AS params,
  q.body AS request,
  r.body AS response,
  j.expires_at,
  o.model || ' (' || o.formats || ') ' || o.digest AS computed_by,
  moed.json_member(moed.json_member(q.body, 'structured_outputs'), 'json') AS schema,
  moed.json_texts(moed.json_member(q.body, 'structured_outputs'), 'choice') AS choices,
  moed.json_text(moed.json_member(q.body, 'structured_outputs'), 'regex') AS regex,
  moed.json_member(q.body, 'metadata') AS metadata,
  j.notifies AS notify
FROM moed.job j
LEFT JOIN moed.tenant t ON t.id = j.tenant_id
LEFT JOIN moed.model m ON m.id = j.model_id
LEFT JOIN moed.job_request q ON q.job_id = j.id
LEFT JOIN moed.job_result r ON r.job_id = j.id
LEFT JOIN moed.token_ledger l ON l.job_id = j.id AND l.kind = 'final'
LEFT JOIN moed.origin o ON o.id = r.origin_id;
COMMENT ON VIEW moed.jobs IS 'Jobs with their answers, and the way to add many: INSERT INTO moed.jobs (prompt, reasoning) SELECT ... FROM my_table. A column not given is as in moed.enqueue().';
COMMENT ON COLUMN moed.jobs.id IS 'Job number.';
COMMENT ON COLUMN moed.jobs.state IS 'scheduled, queued, running, succeeded, failed or cancelled.';
COMMENT ON COLUMN moed.jobs.prompt IS 'Insert: the user''s message. Read: the last user message.';
COMMENT ON COLUMN moed.jobs.content IS 'The answer.';
COMMENT ON COLUMN moed.jobs.reasoning IS 'Insert: the mode, thinking or non_thinking. Read: the thinking text (the mode is read in column mode).';
COMMENT ON COLUMN moed.jobs.mode IS 'thinking or non_thinking. Of a succeeded job: the mode that ran. Of others: the one asked for, or guessed from the request.';
COMMENT ON COLUMN moed.jobs.finish_reason IS 'stop: came to its end. tool_calls: calls tools. length: cut at max_tokens or the end of the context. content_filter: withheld by a rule of moed.policy.';
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
COMMENT ON COLUMN moed.jobs.tenant IS 'Owner of the job.';
COMMENT ON COLUMN moed.jobs.model IS 'Model asked for; default: any worker that serves "default".';
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
COMMENT ON COLUMN moed.jobs.expires_at IS 'Deadline: not ended by then, it ends as failed with the code expired.';
COMMENT ON COLUMN moed.jobs.computed_by IS 'Model that answered, its formats, and the digest of what its tokens depend on; see moed.origin.';
COMMENT ON COLUMN moed.jobs.schema IS 'JSON Schema that the answer satisfies.';
COMMENT ON COLUMN moed.jobs.choices IS 'Answers that are allowed.';
COMMENT ON COLUMN moed.jobs.regex IS 'Regular expression that the whole answer matches.';
COMMENT ON COLUMN moed.jobs.metadata IS 'The caller''s own JSON value. It changes no answer.';
COMMENT ON COLUMN moed.jobs.notify IS 'True: the end of the job is notified on the channel moed_done.';

CREATE TRIGGER jobs_insert INSTEAD OF INSERT ON moed.jobs FOR EACH ROW EXECUTE FUNCTION moed.jobs_insert();
CREATE TRIGGER jobs_read_only BEFORE UPDATE OR DELETE ON moed.jobs FOR EACH STATEMENT EXECUTE FUNCTION moed.jobs_read_only();
CREATE TRIGGER jobs_read_only_rows INSTEAD OF UPDATE OR DELETE ON moed.jobs FOR EACH ROW EXECUTE FUNCTION moed.jobs_read_only();
