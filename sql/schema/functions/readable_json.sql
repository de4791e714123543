-- PostgreSQL reads no member of an object with \u0000 or a lone surrogate in it. Escaped backslashes are set aside first:
-- in \\u0000 there is no escape of NUL. U+0001 cannot stand in JSON.
CREATE FUNCTION moed.readable_json(source text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.replace(
    pg_catalog.regexp_replace(
      pg_catalog.replace(source, E'\\\\', pg_catalog.concat(pg_catalog.chr(1), pg_catalog.chr(1))),
      E'\\\\u0000|\\\\ud[89ab][0-9a-f]{2}(?!\\\\ud[c-f][0-9a-f]{2})|(?<!\\\\ud[89ab][0-9a-f]{2})\\\\ud[c-f][0-9a-f]{2}',
      E'\\\\ufffd', 'gi'),
    pg_catalog.concat(pg_catalog.chr(1), pg_catalog.chr(1)), E'\\\\')
$$;
COMMENT ON FUNCTION moed.readable_json(text) IS 'A JSON text with U+FFFD in place of escapes that PostgreSQL cannot decode: \u0000 and lone surrogates. Its length stays.';
