CREATE FUNCTION moed.matching_jobs(
  states moed.job_state[], batch uuid, model text, tenant text, enqueued_before timestamptz, error_code text, role name)
RETURNS bigint[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
#variable_conflict use_column
DECLARE
  -- NULL is every tenant; 0 is none.
  owner_id int;
  found_ids bigint[];
BEGIN
  IF num_nonnulls(matching_jobs.batch, matching_jobs.model, matching_jobs.tenant, enqueued_before, matching_jobs.error_code) = 0
  THEN
    RAISE EXCEPTION 'give a batch, a model, a tenant, an error_code or enqueued_before' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'enqueued_before => now() means all.';
  END IF;
  IF moed.is_confined(role) THEN
    owner_id := moed.tenant_for(matching_jobs.tenant, role);
  ELSIF matching_jobs.tenant IS NOT NULL THEN
    owner_id := coalesce((SELECT t.id FROM moed.tenant t WHERE t.name = matching_jobs.tenant), 0);
  END IF;
  SELECT array_agg(j.id ORDER BY j.id) INTO found_ids
    FROM moed.job j LEFT JOIN moed.model m ON m.id = j.model_id
   WHERE j.state = ANY (states)
     AND (matching_jobs.batch IS NULL
          OR j.id IN (SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = matching_jobs.batch))
     AND (matching_jobs.model IS NULL OR coalesce(m.name, j.model_name) = matching_jobs.model)
     AND (owner_id IS NULL OR j.tenant_id = owner_id)
     AND (enqueued_before IS NULL OR j.created_at < enqueued_before)
     AND (matching_jobs.error_code IS NULL OR EXISTS (
       SELECT FROM moed.job_result r WHERE r.job_id = j.id AND r.error_code = matching_jobs.error_code));
  RETURN coalesce(found_ids, '{}');
END $$;
COMMENT ON FUNCTION moed.matching_jobs(moed.job_state[], uuid, text, text, timestamptz, text, name) IS 'Jobs in one of these states that fulfil every condition which is not NULL, and that the role may act on.';
