-- A plain expression without SET: PostgreSQL inlines it into statements over many requests.
CREATE FUNCTION moed.mode_named(variables json, thinks json, reasoning json, effort json) RETURNS moed.reasoning_mode
LANGUAGE sql STABLE AS $$
  SELECT CASE coalesce(
      CASE WHEN variables IS NOT NULL THEN nullif(moed.json_member(variables, 'enable_thinking')::text, 'null') END,
      nullif(thinks::text, 'null'), nullif(reasoning::text, 'null'), nullif(effort::text, 'null'), '')
    WHEN '' THEN NULL WHEN 'false' THEN 'non_thinking' WHEN '"non_thinking"' THEN 'non_thinking'
    WHEN '"none"' THEN 'non_thinking' ELSE 'thinking' END::moed.reasoning_mode
$$;
COMMENT ON FUNCTION moed.mode_named(json, json, json, json) IS 'Mode that chat_template_kwargs, enable_thinking, reasoning and reasoning_effort of a request body name; NULL when they name none.';
