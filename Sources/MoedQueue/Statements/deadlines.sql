-- deadlines: counts the queued jobs of some models by the time until their deadline.
--
-- Deadlines that differ by less than about three percent of that time are one row. Of more jobs than the limit, only so
-- many are counted.
--
-- $1 models text[]: names of the models
-- $2 most bigint: maximum number of jobs counted
WITH near AS MATERIALIZED (
  SELECT greatest(1, moed.milliseconds(clock_timestamp(), j.expires_at)) AS left_ms
    FROM (SELECT q.model_id, q.expires_at, q.state::text AS state FROM moed.job q
           WHERE q.expires_at IS NOT NULL AND q.finished_at IS NULL AND isfinite(q.expires_at) LIMIT $2) j
   WHERE j.state = 'queued' AND j.model_id = ANY (ARRAY(SELECT m.id FROM moed.model m WHERE m.name = ANY ($1)))
)
SELECT min(n.left_ms) AS left_ms, count(*) AS jobs FROM near n GROUP BY floor(ln(n.left_ms) * 32) ORDER BY 1
