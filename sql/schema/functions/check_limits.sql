-- A use counts what its job was billed, and what it reserves until then. Two sessions of one key come one after the other.
CREATE FUNCTION moed.check_limits(key_id bigint, wanted int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  k moed.api_key;
  uses int;
  tokens bigint;
  pause int;
BEGIN
  SELECT * INTO k FROM moed.api_key a WHERE a.id = check_limits.key_id;
  IF k.requests_per_minute IS NULL AND k.tokens_per_minute IS NULL THEN RETURN; END IF;
  IF wanted > k.tokens_per_minute THEN
    RAISE EXCEPTION 'the request may take % tokens, and the API key % has % a minute: lower max_tokens', wanted, k.hint,
      k.tokens_per_minute USING ERRCODE = 'MO400', CONSTRAINT = 'max_tokens';
  END IF;
  -- No client may lock this row.
  PERFORM FROM moed.api_key a WHERE a.id = k.id FOR NO KEY UPDATE;
  DELETE FROM moed.api_key_use u WHERE u.key_id = k.id AND u.at < clock_timestamp() - interval '10 minutes';
  WITH counted AS MATERIALIZED (
    SELECT u.at, coalesce(g.billed, CASE WHEN EXISTS (
             SELECT FROM moed.job j WHERE j.id = u.job_id AND j.finished_at IS NULL) THEN u.reserved ELSE 0 END) AS tokens
      FROM moed.api_key_use u
      LEFT JOIN LATERAL (
        SELECT coalesce(l.total_tokens, coalesce(l.prompt_tokens, 0) + coalesce(l.told_completion_tokens, 0)) AS billed
          FROM moed.token_ledger l WHERE l.job_id = u.job_id AND l.kind = 'final') g ON true
     WHERE u.key_id = k.id AND u.at > clock_timestamp() - interval '1 minute'
  ), later AS (
    -- What is left when this use and all before it are a minute old.
    SELECT c.at, count(*) OVER w - 1 AS uses_left, sum(c.tokens) OVER w - c.tokens AS tokens_left
      FROM counted c WINDOW w AS (ORDER BY c.at DESC)
  )
  SELECT (SELECT count(*) FROM counted), (SELECT coalesce(sum(c.tokens), 0) FROM counted c),
         (SELECT ceil(extract(epoch FROM min(l.at) + interval '1 minute' - clock_timestamp()))::int FROM later l
           WHERE (l.uses_left < k.requests_per_minute) IS NOT false AND (l.tokens_left + wanted <= k.tokens_per_minute) IS NOT false)
    INTO uses, tokens, pause;
  IF uses >= k.requests_per_minute THEN
    RAISE EXCEPTION 'the API key % has made its % requests of this minute', k.hint, k.requests_per_minute
      USING ERRCODE = 'MO429', CONSTRAINT = 'retry after ' || greatest(1, pause);
  ELSIF tokens + wanted > k.tokens_per_minute THEN
    RAISE EXCEPTION 'the API key % has % tokens a minute: % are used or reserved, and the request may take %', k.hint,
      k.tokens_per_minute, tokens, wanted USING ERRCODE = 'MO429', CONSTRAINT = 'retry after ' || greatest(1, pause);
  END IF;
END $$;
COMMENT ON FUNCTION moed.check_limits(bigint, int) IS 'An error when a direct request of that many tokens is beyond the limits of a key. Part of moed.api_chat().';
