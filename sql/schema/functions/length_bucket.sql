CREATE FUNCTION moed.length_bucket(bytes int, new_tokens numeric) RETURNS smallint
LANGUAGE sql IMMUTABLE AS $$
  -- A third of the bytes: English takes about four bytes a token, Chinese about three a character of 0.7 to 1 token.
  -- Only the grouping depends on it; the exact count is known when a worker has tokenised the prompt.
  -- NaN sorts above every number, so it is clamped like a huge one.
  SELECT (5 + pg_catalog.width_bucket(
      bytes / 3 + greatest(1, least(new_tokens, 1048576))::int,
      ARRAY[33, 65, 129, 257, 513, 1025, 2049, 4097, 8193, 16385, 32769, 65537, 131073, 262145, 524289]))::smallint
$$;
COMMENT ON FUNCTION moed.length_bucket(int, numeric) IS 'Length class 5..20 of a request: ceil(log2(bytes / 3 + new_tokens)), for any value of either.';
