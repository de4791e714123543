-- PostgreSQL raises an error when it reads a member of an object with \u0000 or a lone surrogate in it, or nested very
-- deeply. The json_* functions answer NULL then: an error would abort an INSERT ... SELECT of a million rows.
CREATE FUNCTION moed.json_member(body json, name text) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN body -> name;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION moed.json_member(json, text) IS 'Member of a JSON object; NULL when absent or when PostgreSQL cannot decode the text (\u0000, lone surrogates).';
