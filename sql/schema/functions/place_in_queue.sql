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
   WHERE q.state = 'queued' AND (q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id)
                              >= (j.model_id, j.mode, j.bucket, j.tenant_id, -32768, 0)
     AND (q.model_id, q.mode, q.bucket, q.tenant_id, -q.priority, q.id)
       < (j.model_id, j.mode, j.bucket, j.tenant_id, -j.priority, j.id);
  class := format('%s, at most %s tokens', CASE j.mode WHEN 'thinking' THEN 'thinking' ELSE 'non-thinking' END, 1 << j.bucket);
  IF ahead = 0 AND EXISTS (
    SELECT FROM moed.worker w WHERE w.idle AND w.stopped_at IS NULL AND w.expires_at > clock_timestamp()
                                AND j.model_id = ANY (w.models)) THEN
    RETURN format('It is the next of its tenant and job class (%s): a worker with room claims it within seconds.', class);
  END IF;
  RETURN format('It is number %s of its tenant''s waiting jobs of its job class (%s): the workers are busy.', ahead + 1, class);
END $$;
COMMENT ON FUNCTION moed.place_in_queue(bigint) IS 'Place of a waiting job among those of its tenant and job class, in a sentence.';
