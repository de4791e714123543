CREATE FUNCTION moed.enqueue_many(
  requests json[], tenant text DEFAULT NULL, priority numeric DEFAULT NULL, run_at timestamptz DEFAULT NULL,
  max_attempts numeric DEFAULT NULL, expires_at timestamptz DEFAULT NULL,
  caller moed.acting_role DEFAULT moed.call_stamp(current_user))
RETURNS SETOF bigint LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  owner_id int := moed.tenant_for(tenant, moed.role_of(caller));
BEGIN
  IF EXISTS (SELECT FROM unnest(requests) AS r(body) WHERE r.body IS NULL) THEN
    RAISE EXCEPTION 'a request is NULL' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  RETURN QUERY SELECT * FROM moed.insert_many(requests, owner_id, priority, run_at, max_attempts, expires_at, false);
EXCEPTION WHEN program_limit_exceeded THEN
  -- A request is nested too deeply for the fast way.
  RETURN QUERY SELECT * FROM moed.insert_many(requests, owner_id, priority, run_at, max_attempts, expires_at, true);
END $$;
COMMENT ON FUNCTION moed.enqueue_many(json[], text, numeric, timestamptz, numeric, timestamptz, moed.acting_role) IS 'Adds jobs from OpenAI chat-completion bodies in one statement, several times as fast as INSERT INTO moed.jobs, and returns their ids in order: SELECT moed.enqueue_many(array_agg(json_build_object(''messages'', ...))) FROM my_table. Some ten thousand a call is a good size. Leave caller out.';
