CREATE FUNCTION moed.read_line(
  line text, OUT custom_id text, OUT body json, OUT error_code text, OUT error_message text, OUT error_param text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  fault text := moed.json_fault(line);
  request json;
  id json;
BEGIN
  IF fault IS NOT NULL THEN
    error_code := 'invalid_json';
    error_message := format('the line is not JSON at byte %s: %s', moed.json_fault_place(line, fault), fault);
    RETURN;
  END IF;
  request := line;
  IF json_typeof(request) <> 'object' THEN
    error_code := 'invalid_value';
    error_message := 'the line must be a JSON object, not ' || moed.json_kind(request);
    RETURN;
  END IF;
  IF strpos(line, E'\\u') > 0 THEN
    BEGIN
      PERFORM request -> 'custom_id';
    EXCEPTION WHEN data_exception THEN
      request := moed.readable_json(line)::json;
    END;
  END IF;
  id := request -> 'custom_id';
  body := request -> 'body';
  -- A line at fault keeps the beginning of its custom_id, so that it is found.
  custom_id := nullif(left(coalesce(moed.json_text(request, 'custom_id'), nullif(id::text, 'null')), 512), '');
  SELECT f.code, f.message, f.param INTO error_code, error_message, error_param FROM (VALUES
    (coalesce(id::text, 'null') = 'null',
     'missing_required_parameter', 'custom_id must be a text of 1 to 512 characters', 'custom_id'),
    (json_typeof(id) <> 'string',
     'invalid_value', 'custom_id must be a string, not ' || moed.json_kind(id), 'custom_id'),
    (length(request ->> 'custom_id') NOT BETWEEN 1 AND 512,
     'invalid_value', 'custom_id must have 1 to 512 characters, not ' || length(request ->> 'custom_id'), 'custom_id'),
    (strpos(line, id::text) = 0,
     'invalid_value', E'custom_id must not have \\u0000 or a lone surrogate: the database cannot keep it', 'custom_id'),
    (coalesce(request ->> 'method', 'POST') <> 'POST', 'invalid_value', 'method must be POST', 'method'),
    (coalesce(request ->> 'url', '/v1/chat/completions') NOT IN ('/v1/chat/completions', '/v1/embeddings'),
     'invalid_value', 'url must be /v1/chat/completions or /v1/embeddings', 'url'),
    (coalesce(body::text, 'null') = 'null', 'missing_required_parameter', 'body must be a JSON object', 'body'),
    (json_typeof(body) <> 'object', 'invalid_value', 'body must be an object, not ' || moed.json_kind(body), 'body'))
    AS f(holds, code, message, param) WHERE f.holds LIMIT 1;
  -- In a copy with other escapes the body stands where it stands in the line.
  IF error_code IS NULL AND request::text <> line THEN
    body := substr(line, moed.place_of_body(request::text, body::text), length(body::text));
  END IF;
EXCEPTION WHEN program_limit_exceeded THEN
  error_code := 'invalid_json';
  error_message := 'the line is nested too deeply';
END $$;
COMMENT ON FUNCTION moed.read_line(text) IS 'Reads a line of a batch file: its custom_id and body, or its fault.';
