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
