CREATE FUNCTION moed.place_in_queue(job_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  j moed.job;
  ahead bigint;
  class text;
BEGIN
  SELECT q.* INTO j FROM moed.job q WHERE q.id = place_in_queue.job_id;
  IF j.state = 'scheduled' THEN
    RETURN format('It has been due since %s: a worker queues it within seconds.', moed.utc(j.run_at));
  END IF;
  IF j.bucket = -1 THEN
    RETURN format('It waits in quarantine: %s workers died while running it, and it runs alone once a worker has no other job.',
                  j.crashes);
  END IF;
  SELECT count(*) INTO ahead FROM moed.job q
   WHERE q.state = 'queued' AND q.model_id = j.model_id AND q.mode = j.mode AND q.bucket = j.bucket AND q.tenant_id = j.tenant_id
     AND (-q.priority, q.id) < (-j.priority, j.id);
  class := format('%s, at most %s tokens', CASE j.mode WHEN 'thinking' THEN 'thinking' ELSE 'non-thinking' END, 1 << j.bucket);
  IF ahead = 0 AND EXISTS (
    SELECT FROM moed.worker w WHERE w.idle AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
                                AND j.model_id = ANY (w.models)) THEN
    RETURN format('It is the next of its tenant and job class (%s): a worker with room claims it within seconds.', class);
  END IF;
  RETURN format('It is number %s of its tenant''s waiting jobs of its job class (%s): the workers are busy.', ahead + 1, class);
END $$;
COMMENT ON FUNCTION moed.place_in_queue(bigint) IS 'Place of a waiting job among those of its tenant and job class, in a sentence.';
