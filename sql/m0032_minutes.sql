-- The page's last 24 hours: a row each minute.

-- Workers add a row each minute. At the widest it has 600 bytes: less than a megabyte a day.
CREATE TABLE moed.minute_sample (
  at                timestamptz PRIMARY KEY,
  prompt_tokens     bigint NOT NULL,
  cached_tokens     bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  wasted_tokens     bigint NOT NULL,
  succeeded         int NOT NULL,
  failed            int NOT NULL,
  cancelled         int NOT NULL,
  queued            int NOT NULL,
  running           int NOT NULL,
  endpoints         json
) WITH (fillfactor = 100);
COMMENT ON TABLE moed.minute_sample IS 'The last week by minutes, for the page. A minute without a live worker has no row.';
COMMENT ON COLUMN moed.minute_sample.at IS 'End of the minute.';
COMMENT ON COLUMN moed.minute_sample.prompt_tokens IS 'Prompt tokens of jobs that succeeded in this minute, cached ones left out.';
COMMENT ON COLUMN moed.minute_sample.cached_tokens IS 'Their prompt tokens from a cached prefix.';
COMMENT ON COLUMN moed.minute_sample.completion_tokens IS 'Their completion tokens.';
COMMENT ON COLUMN moed.minute_sample.wasted_tokens IS 'Tokens of attempts that were thrown away in this minute.';
COMMENT ON COLUMN moed.minute_sample.succeeded IS 'Jobs that succeeded in this minute.';
COMMENT ON COLUMN moed.minute_sample.failed IS 'Jobs that failed.';
COMMENT ON COLUMN moed.minute_sample.cancelled IS 'Jobs that were cancelled.';
COMMENT ON COLUMN moed.minute_sample.queued IS 'Queued jobs when the row was written; at most a million are counted.';
COMMENT ON COLUMN moed.minute_sample.running IS 'Running jobs when the row was written.';
COMMENT ON COLUMN moed.minute_sample.endpoints IS 'Up to eight endpoints by the first 24 characters of their names: tokens a second, and requests in flight. NULL when there is none.';

-- Rows that are committed some seconds late are in no minute. Two workers may come at once: the second one adds nothing.
CREATE FUNCTION moed.add_sample() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  minute_end timestamptz := date_trunc('minute', clock_timestamp() - interval '3 seconds', 'UTC');
  minute_start timestamptz := minute_end - interval '1 minute';
BEGIN
  -- Of many workers one does the work.
  IF EXISTS (SELECT FROM moed.minute_sample s WHERE s.at = minute_end) THEN
    RETURN false;
  END IF;
  DELETE FROM moed.minute_sample s
   WHERE s.at = ANY (ARRAY(SELECT o.at FROM moed.minute_sample o WHERE o.at < minute_end - interval '7 days'
                            ORDER BY o.at LIMIT 1000 FOR UPDATE SKIP LOCKED));
  INSERT INTO moed.minute_sample
  SELECT minute_end, t.prompt, t.cached, t.completion, t.wasted, e.succeeded, e.failed, e.cancelled, q.jobs, r.jobs, p.found
    FROM (
      SELECT coalesce(sum(g.prompt_tokens - coalesce(g.cached_tokens, 0)) FILTER (WHERE g.kind = 'final'), 0) AS prompt,
             coalesce(sum(g.cached_tokens) FILTER (WHERE g.kind = 'final'), 0) AS cached,
             coalesce(sum(coalesce(g.completion_tokens, g.told_completion_tokens)) FILTER (WHERE g.kind = 'final'), 0) AS completion,
             coalesce(sum(coalesce(g.total_tokens, coalesce(g.prompt_tokens, 0) + coalesce(g.told_completion_tokens, 0)))
                        FILTER (WHERE g.kind = 'wasted'), 0) AS wasted
        FROM moed.token_ledger g WHERE g.created_at >= minute_start AND g.created_at < minute_end) AS t,
    (SELECT count(*) FILTER (WHERE j.state = 'succeeded') AS succeeded, count(*) FILTER (WHERE j.state = 'failed') AS failed,
            count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled
       FROM moed.job j WHERE j.finished_at >= minute_start AND j.finished_at < minute_end) AS e,
    (SELECT count(*) AS jobs FROM (SELECT FROM moed.job j WHERE j.state = 'queued' LIMIT 1000000) AS f) AS q,
    (SELECT count(*) AS jobs FROM moed.job j WHERE j.state = 'running') AS r,
    (SELECT json_object_agg(n.name, json_build_array(n.tokens_per_second, n.in_flight)) AS found FROM (
       SELECT left(s.endpoint, 24) AS name, round(sum(s.tokens_per_second)::numeric, 1) AS tokens_per_second,
              sum(s.in_flight) AS in_flight
         FROM moed.endpoint_state s JOIN moed.worker w ON w.id = s.worker_id
        WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() GROUP BY 1 ORDER BY 1 LIMIT 8) AS n) AS p
  ON CONFLICT DO NOTHING;
  RETURN FOUND;
EXCEPTION WHEN lock_not_available THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION moed.add_sample() IS 'Adds the minute that has ended to moed.minute_sample, and deletes rows that are a week old; false when another worker does. Workers call it every minute.';
