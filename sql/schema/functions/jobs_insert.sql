-- It runs with the rights of the inserting role, which moed.insert_job() asks for.
CREATE FUNCTION moed.jobs_insert() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  IF coalesce(NEW.id::text, NEW.state::text, NEW.content, NEW.request::text, NEW.finished_at::text) IS NOT NULL THEN
    RAISE EXCEPTION 'id, state, content, request and finished_at of moed.jobs are not for inserting'
      USING ERRCODE = 'generated_always';
  END IF;
  NEW.id := moed.insert_job(
    prompt => NEW.prompt, reasoning => coalesce(NEW.reasoning, NEW.mode::text), max_tokens => NEW.max_tokens,
    messages => NEW.messages, system => NEW.system, model => NEW.model, temperature => NEW.temperature,
    top_p => NEW.top_p, top_k => NEW.top_k, min_p => NEW.min_p, presence_penalty => NEW.presence_penalty,
    frequency_penalty => NEW.frequency_penalty, repetition_penalty => NEW.repetition_penalty, seed => NEW.seed,
    stop => NEW.stop, stop_token_ids => NEW.stop_token_ids, thinking_token_budget => NEW.thinking_token_budget,
    priority => NEW.priority, run_at => NEW.run_at, max_attempts => NEW.max_attempts,
    idempotency_key => NEW.idempotency_key, tenant => NEW.tenant, params => NEW.params,
    expires_at => NEW.expires_at, schema => NEW.schema, choices => NEW.choices, regex => NEW.regex,
    metadata => NEW.metadata, notify => NEW.notify);
  RETURN NEW;
END $$;
COMMENT ON FUNCTION moed.jobs_insert() IS 'Makes INSERT INTO moed.jobs enqueue.';
