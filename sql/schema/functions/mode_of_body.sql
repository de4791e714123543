CREATE FUNCTION moed.mode_of_body(body json) RETURNS moed.reasoning_mode
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.mode_named(
    moed.json_member(body, 'chat_template_kwargs'), moed.json_member(body, 'enable_thinking'),
    moed.json_member(body, 'reasoning'), moed.json_member(body, 'reasoning_effort'))
$$;
COMMENT ON FUNCTION moed.mode_of_body(json) IS 'Mode that the members of a request body name; NULL when they name none.';
