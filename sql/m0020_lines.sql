-- The body of a batch line is found in a time that grows with the line, also when many members look like it.

CREATE OR REPLACE FUNCTION moed.place_of_body(request text, body text) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  -- Other members may look like the body, and there may be many of them.
  pieces text[] := string_to_array(request, body);
  low int := 1;
  high int := cardinality(pieces) - 1;
  middle int;
BEGIN
  -- The occurrence sought is in low … high. A mark in place of the first ones becomes the body when it is one of them.
  WHILE low < high LOOP
    middle := (low + high) / 2;
    IF (array_to_string(pieces[:middle + 1], '0') || body || array_to_string(pieces[middle + 2:], body))::json ->> 'body'
       IS NOT DISTINCT FROM '0' THEN
      high := middle;
    ELSE
      low := middle + 1;
    END IF;
  END LOOP;
  IF high < 1 OR (array_to_string(pieces[:low], body) || '0' || array_to_string(pieces[low + 1:], body))::json ->> 'body'
     IS DISTINCT FROM '0' THEN
    RETURN NULL;
  END IF;
  RETURN length(array_to_string(pieces[:low], body)) + 1;
END $$;
COMMENT ON FUNCTION moed.place_of_body(text, text) IS 'Character, from 1, at which the member body of a JSON object begins.';

CREATE OR REPLACE FUNCTION moed.cancel_batch(
  batch uuid, caller moed.acting_role DEFAULT moed.call_stamp(current_user)) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  role name := moed.role_of(caller);
BEGIN
  -- A locked row is being cancelled by the session that holds it.
  UPDATE moed.batch b SET cancelled_at = coalesce(b.cancelled_at, clock_timestamp())
   WHERE b.id = (SELECT c.id FROM moed.batch c WHERE c.id = cancel_batch.batch AND moed.may_touch(c.tenant_id, role)
                    FOR NO KEY UPDATE SKIP LOCKED);
  IF NOT FOUND AND NOT EXISTS (
    SELECT FROM moed.batch b WHERE b.id = cancel_batch.batch AND moed.may_touch(b.tenant_id, role)) THEN
    RAISE EXCEPTION 'there is no batch %', cancel_batch.batch USING ERRCODE = 'undefined_object';
  END IF;
  RETURN moed.cancel_these(ARRAY(
    SELECT l.job_id FROM moed.batch_line l WHERE l.batch_id = cancel_batch.batch AND l.job_id IS NOT NULL));
END $$;
COMMENT ON FUNCTION moed.cancel_batch(uuid, moed.acting_role) IS 'Cancels every job of a batch that has not ended; returns how many. Running ones are stopped by their workers within about a second. Leave caller out.';

COMMENT ON COLUMN moed.token_ledger.recomputed_tokens IS 'Computed again: after a crash, or when a sequence had given its KV capacity up. Never billed, in no sum.';
