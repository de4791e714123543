CREATE FUNCTION moed.why(job_id bigint, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
  -- A tenant learns of its own jobs only: not of workers' hosts, nor of what others have queued.
  is_guest boolean := moed.is_confined(role) AND NOT moed.is_reader(role);
  j record;
  reasons text[];
BEGIN
  SELECT q.*,
         (SELECT min(r.name) FROM moed.tenant_request r WHERE r.tenant_id = q.tenant_id AND t.id IS NULL) AS new_tenant,
         CASE WHEN is_guest OR w.id IS NULL THEN 'a worker' ELSE 'worker ' || w.host || '/' || w.pid END AS holder,
         w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AS holder_lives,
         coalesce((SELECT min(c.requested_at) FROM moed.cancel_request c WHERE c.job_id = q.id), q.cancel_requested_at)
           AS cancel_asked_at,
         (SELECT r.error_code || ': ' || r.error_message FROM moed.job_result r WHERE r.job_id = q.id) AS error,
         (SELECT a.error_code || ': ' || a.error_message FROM moed.job_attempt a
           WHERE a.job_id = q.id AND a.lease_token = q.lease_token) AS last_error
    INTO j
    FROM moed.job q LEFT JOIN moed.tenant t ON t.id = q.tenant_id LEFT JOIN moed.worker w ON w.id = q.leased_by
   WHERE q.id = why.job_id AND (NOT is_guest OR q.tenant_id = moed.tenant_of_role(role));
  IF NOT FOUND THEN
    RETURN format('There is no job %s%s.', why.job_id, CASE WHEN is_guest THEN ' of yours' ELSE '' END);
  END IF;
  CASE j.state
    WHEN 'succeeded' THEN RETURN format('It succeeded at %s.', moed.utc(j.finished_at));
    WHEN 'cancelled' THEN RETURN format('It was cancelled at %s.', moed.utc(j.finished_at));
    WHEN 'failed' THEN
      RETURN format('It failed at %s: %s', moed.utc(j.finished_at), coalesce(j.error, 'its error was not kept.'));
    WHEN 'running' THEN
      RETURN CASE
        WHEN NOT j.holder_lives THEN format('The lease of %s has expired: another worker takes the job over.', j.holder)
        WHEN j.cancel_asked_at IS NOT NULL THEN
          format('Its cancellation was requested at %s: %s stops it.', moed.utc(j.cancel_asked_at), j.holder)
        ELSE format('It is running: %s started attempt %s at %s.', j.holder, j.attempt, moed.utc(j.started_at)) END;
    ELSE NULL;
  END CASE;
  IF j.cancel_asked_at IS NOT NULL THEN
    RETURN format('Its cancellation was requested at %s: a worker ends it within seconds.', moed.utc(j.cancel_asked_at));
  END IF;
  IF j.expires_at <= clock_timestamp() THEN
    RETURN format('Its deadline, %s, has passed: a worker ends it as expired.', moed.utc(j.expires_at));
  END IF;
  IF j.new_tenant IS NOT NULL THEN
    RETURN format('It waits: a transaction that adds its tenant "%s" is open.', j.new_tenant);
  END IF;
  reasons := moed.hindrances(j.tenant_id, j.model_id, j.model_name);
  IF moed.leaves_house(j.model_id) AND NOT moed.may_spend(j.id) THEN
    reasons := reasons || format('all live workers of model "%s" send jobs out of the house, and its batch has spent its money_max',
      (SELECT m.name FROM moed.model m WHERE m.id = j.model_id));
  END IF;
  IF j.state = 'scheduled' AND j.run_at > clock_timestamp() THEN
    reasons := CASE WHEN j.attempt > 0 THEN
        format('attempt %s failed (%s) and it is tried again at %s', j.attempt, coalesce(j.last_error, 'no error was kept'),
               moed.utc(j.run_at))
      ELSE format('it is scheduled for %s', moed.utc(j.run_at)) END || reasons;
  END IF;
  IF cardinality(reasons) > 0 THEN RETURN format('It waits: %s.', array_to_string(reasons, '; ')); END IF;
  RETURN moed.place_in_queue(why.job_id);
END $$;
COMMENT ON FUNCTION moed.why(bigint, moed.acting_role) IS 'Says in one sentence why a job is not running, or how it ended. Leave caller out.';
