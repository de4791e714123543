CREATE FUNCTION moed.chooses_mode(body json) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.mode_of_body(body) IS NOT NULL
    OR coalesce(moed.json_member(body, 'messages')::text ~ E'([\\s"]|\\\\n)/(no_)?think[\\s"\\\\]', false)
$$;
COMMENT ON FUNCTION moed.chooses_mode(json) IS 'True when a request body chooses its reasoning mode: by a parameter, or by /think or /no_think in a message.';
