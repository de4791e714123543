CREATE FUNCTION moed.last_message(body json, role text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN (SELECT m.value ->> 'content'
            FROM json_array_elements(body -> 'messages') WITH ORDINALITY AS m
           WHERE m.value ->> 'role' = last_message.role
           ORDER BY m.ordinality DESC LIMIT 1);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.last_message(json, text) IS 'Content of the last message of a role in a request body; NULL when there is none or it is not decodable.';
