-- announce_batches: notifies the ends of batches on the channel moed_done; the payload is the batch's id. Returns their
-- number.
--
-- A batch remembers up to which line its jobs have ended, so that no line is read twice. Batches that another transaction
-- locks are skipped. Nothing is sent while half of PostgreSQL's queue of notifications is full.
--
-- $1 batches bigint: maximum number of batches to look at, from a random one on
-- $2 lines bigint: maximum number of lines of each to read
WITH start AS MATERIALIZED (SELECT gen_random_uuid() AS id), waiting AS MATERIALIZED (
  (SELECT b.id FROM moed.batch b
    WHERE b.notifies AND b.announced_at IS NULL AND b.id >= (SELECT s.id FROM start s) ORDER BY b.id LIMIT $1)
  UNION ALL
  (SELECT b.id FROM moed.batch b
    WHERE b.notifies AND b.announced_at IS NULL AND b.id < (SELECT s.id FROM start s) ORDER BY b.id LIMIT $1)
), held AS MATERIALIZED (
  SELECT d.* FROM waiting w CROSS JOIN LATERAL (
    SELECT b.id, b.ended_line FROM moed.batch b
     WHERE b.id = w.id AND b.notifies AND b.announced_at IS NULL FOR NO KEY UPDATE SKIP LOCKED) d
), seen AS MATERIALIZED (
  SELECT h.id, r.lines, coalesce(r.unfinished - 1, r.last, h.ended_line) AS ended_line, r.unfinished
    FROM held h CROSS JOIN LATERAL (
      SELECT count(*) AS lines, max(n.line) AS last, min(n.line) FILTER (WHERE n.is_unfinished) AS unfinished FROM (
        SELECT l.line, EXISTS (SELECT FROM moed.job j WHERE j.id = l.job_id AND j.finished_at IS NULL) AS is_unfinished
          FROM moed.batch_line l WHERE l.batch_id = h.id AND l.line > h.ended_line ORDER BY l.line LIMIT $2) n) r
), moved AS (
  UPDATE moed.batch b
     SET ended_line = s.ended_line,
         announced_at = CASE WHEN s.unfinished IS NULL AND s.lines < $2 AND pg_notification_queue_usage() < 0.5
                             THEN clock_timestamp() END
    FROM seen s WHERE b.id = s.id AND (s.unfinished IS NULL OR s.ended_line > b.ended_line)
  RETURNING b.id, b.announced_at
), sent AS MATERIALIZED (
  SELECT pg_notify('moed_done', m.id::text) FROM moved m WHERE m.announced_at IS NOT NULL
)
SELECT count(*) AS batches FROM sent
