CREATE FUNCTION moed.insert_many(
  requests json[], owner_id int, priority numeric, run_at timestamptz, max_attempts numeric, expires_at timestamptz,
  is_careful boolean)
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  -- PostgreSQL reads no member of an object with an escape that it cannot decode; where there is none at all, reading is
  -- safe, and much faster than the functions that are prepared for it.
  WITH plain AS MATERIALIZED (
    SELECT r.body, r.number, NOT is_careful AND strpos(r.body::text, E'\\u') = 0 AND json_typeof(r.body) = 'object' AS is_plain
      FROM unnest(requests) WITH ORDINALITY AS r(body, number)
  ), read AS MATERIALIZED (
    SELECT p.body, p.number,
           CASE WHEN NOT is_plain THEN moed.json_text(p.body, 'model')
                WHEN json_typeof(m.model) = 'string' THEN m.model #>> '{}' END AS model,
           CASE WHEN is_plain THEN coalesce(m.max_completion_tokens, m.max_tokens)::text
                ELSE coalesce(moed.json_number(p.body, 'max_completion_tokens'), moed.json_number(p.body, 'max_tokens'))::text
                END AS new_tokens,
           CASE WHEN is_plain THEN m.chat_template_kwargs
                ELSE moed.json_member(p.body, 'chat_template_kwargs') END AS variables,
           CASE WHEN is_plain THEN m.enable_thinking ELSE moed.json_member(p.body, 'enable_thinking') END AS thinks,
           CASE WHEN is_plain THEN m.reasoning ELSE moed.json_member(p.body, 'reasoning') END AS reasoning,
           CASE WHEN is_plain THEN m.reasoning_effort ELSE moed.json_member(p.body, 'reasoning_effort') END AS effort,
           octet_length(coalesce(m.messages, p.body)::text) AS bytes
      FROM plain p CROSS JOIN LATERAL json_to_record(CASE WHEN is_plain THEN p.body ELSE '{}' END)
        AS m(model json, max_completion_tokens json, max_tokens json, chat_template_kwargs json, enable_thinking json,
             reasoning json, reasoning_effort json, messages json)
  ), shaped AS MATERIALIZED (
    SELECT r.body, r.number, r.model, r.bytes,
           CASE WHEN r.new_tokens ~ '^[0-9.]{1,9}$' THEN r.new_tokens::numeric END AS new_tokens,
           coalesce(moed.mode_named(r.variables, r.thinks, r.reasoning, r.effort), 'thinking') AS mode
      FROM read r
  ), named AS MATERIALIZED (
    SELECT d.model, d.key, moed.model_of(d.key) AS id
      FROM (SELECT DISTINCT s.model, moed.model_key(s.model) AS key FROM shaped s WHERE s.model IS NOT NULL) AS d
  ), numbered AS MATERIALIZED (
    SELECT s.*, nextval('moed.job_id_seq') AS id FROM (SELECT * FROM shaped ORDER BY number) AS s
  ), added AS (
    INSERT INTO moed.job (id, tenant_id, model_id, model_name, mode, bucket, priority, run_at, state, max_attempts, expires_at)
    OVERRIDING SYSTEM VALUE
    SELECT n.id, owner_id, coalesce(m.id, 1), CASE m.id WHEN 0 THEN m.key END, n.mode,
           moed.length_bucket(n.bytes,
                              coalesce(n.new_tokens, CASE n.mode WHEN 'thinking' THEN 2048 ELSE 1024 END)),
           greatest(-32767, least(32767, coalesce(insert_many.priority, 0))),
           coalesce(insert_many.run_at, now()),
           CASE WHEN insert_many.run_at > clock_timestamp() THEN 'scheduled' ELSE 'queued' END::moed.job_state,
           greatest(1, least(1000, coalesce(insert_many.max_attempts, 5))), insert_many.expires_at
      FROM numbered n LEFT JOIN named m ON m.model = n.model
  ), stored AS (
    INSERT INTO moed.job_request (job_id, body, warnings, body_bytes)
    SELECT n.id, n.body, nullif(moed.clamp_remarks(insert_many.priority, insert_many.max_attempts), '{}'),
           octet_length(n.body::text)
      FROM numbered n
  )
  SELECT n.id FROM numbered n ORDER BY n.number;
END $$;
COMMENT ON FUNCTION moed.insert_many(json[], int, numeric, timestamptz, numeric, timestamptz, boolean) IS 'Statement of moed.enqueue_many(). With is_careful no body can raise an error.';
