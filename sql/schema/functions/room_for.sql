CREATE FUNCTION moed.room_for(answer numeric, reasoning text) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT answer + CASE WHEN reasoning IN ('non_thinking', 'none') THEN 0 ELSE 4096 END
$$;
COMMENT ON FUNCTION moed.room_for(numeric, text) IS 'Value of max_tokens for an answer of this number of tokens, with room for thinking where the mode may think.';
