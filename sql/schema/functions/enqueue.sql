CREATE FUNCTION moed.enqueue(
  prompt text DEFAULT NULL, reasoning text DEFAULT NULL, max_tokens numeric DEFAULT NULL,
  messages json DEFAULT NULL, system text DEFAULT NULL, model text DEFAULT NULL,
  temperature double precision DEFAULT NULL, top_p double precision DEFAULT NULL, top_k numeric DEFAULT NULL,
  min_p double precision DEFAULT NULL, presence_penalty double precision DEFAULT NULL,
  frequency_penalty double precision DEFAULT NULL, repetition_penalty double precision DEFAULT NULL,
  seed numeric DEFAULT NULL, stop text[] DEFAULT NULL, stop_token_ids numeric[] DEFAULT NULL,
  thinking_token_budget numeric DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, tenant text DEFAULT NULL,
  params json DEFAULT NULL, expires_at timestamptz DEFAULT NULL, schema json DEFAULT NULL,
  choices text[] DEFAULT NULL, regex text DEFAULT NULL, metadata json DEFAULT NULL, notify boolean DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN moed.insert_job(
    prompt => prompt, reasoning => reasoning, max_tokens => max_tokens, messages => messages, system => system,
    model => model, temperature => temperature::numeric, top_p => top_p::numeric, top_k => top_k,
    min_p => min_p::numeric, presence_penalty => presence_penalty::numeric,
    frequency_penalty => frequency_penalty::numeric, repetition_penalty => repetition_penalty::numeric, seed => seed,
    stop => stop, stop_token_ids => stop_token_ids, thinking_token_budget => thinking_token_budget,
    priority => priority, run_at => run_at, max_attempts => max_attempts, idempotency_key => idempotency_key,
    tenant => tenant, params => params, expires_at => expires_at, schema => schema,
    choices => choices, regex => regex, metadata => metadata, notify => notify, caller => caller);
END $$;
COMMENT ON FUNCTION moed.enqueue(text, text, numeric, json, text, text, double precision, double precision, numeric, double precision,
  double precision, double precision, double precision, numeric, text[], numeric[], numeric, numeric, timestamptz, numeric, text, text, json, timestamptz,
  json, text[], text, json, boolean, moed.acting_role)
IS 'Adds a generation job and returns its id. Give arguments by name.
prompt: the user''s message; or messages: a JSON array in OpenAI''s chat shape (type json; cast jsonb). system: system message put before either.
reasoning: thinking (default of Qwen3) or non_thinking. thinking_token_budget: most tokens of thinking.
max_tokens: most generated tokens, thinking included. model: without it any worker that serves "default" runs the job.
temperature, top_p, top_k, min_p, presence_penalty, frequency_penalty, repetition_penalty, seed, stop, stop_token_ids: as in OpenAI''s and vLLM''s APIs.
params: any further members of the request body, as a JSON object. priority: higher starts first. run_at: not before.
max_attempts: 5 unless given. idempotency_key: the same tenant and key give the job that exists already. tenant: who it is for.
expires_at: a job that has not ended by then ends as failed with the code expired.
schema: a JSON Schema that the answer satisfies; or choices: the answers allowed; or regex: a regular expression of the whole answer.
metadata: any JSON value, which comes back in moed.jobs and moed.export_batch(). notify: NOTIFY moed_done with the id when it ends.
caller: leave it out.
Values out of range are stored; the job then ends as failed with a message. Only a tenant or an idempotency_key of a wrong length raises.';
