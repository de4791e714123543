-- Jobs of a missing tenant are not claimed, so that no account knows them. A name in use was given to another tenant in a
-- transaction that was open: its jobs are moved there. A few names are tried at a call: each may be waited for.
CREATE FUNCTION moed.add_requested_tenants() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  asked record;
  known int;
  held int := 0;
  settled int := 0;
BEGIN
  FOR asked IN
    SELECT r.name, r.tenant_id, array_agg(r.id) AS ids FROM moed.tenant_request r GROUP BY r.name, r.tenant_id
     ORDER BY random() LIMIT 1000
  LOOP
    SELECT t.id INTO known FROM moed.tenant t WHERE t.name = asked.name;
    IF known IS NULL THEN
      CONTINUE WHEN held = 3;
      known := moed.add_tenant(asked.name, asked.tenant_id);
      IF known IS NULL THEN
        held := held + 1;
        CONTINUE;
      END IF;
    END IF;
    IF known <> asked.tenant_id AND NOT EXISTS (SELECT FROM moed.tenant t WHERE t.id = asked.tenant_id) THEN
      -- Of two jobs with one key, the one that is moved keeps none.
      UPDATE moed.job j SET tenant_id = known, idempotency_key = CASE WHEN NOT EXISTS (
          SELECT FROM moed.job o WHERE o.tenant_id = known AND o.idempotency_key = j.idempotency_key) THEN j.idempotency_key END
       WHERE j.tenant_id = asked.tenant_id;
      UPDATE moed.batch b SET tenant_id = known WHERE b.tenant_id = asked.tenant_id;
    END IF;
    DELETE FROM moed.tenant_request r WHERE r.id IN (
      SELECT q.id FROM moed.tenant_request q WHERE q.id = ANY (asked.ids) FOR UPDATE SKIP LOCKED);
    settled := settled + 1;
  END LOOP;
  IF settled > 0 THEN PERFORM moed.wake_idle(); END IF;
  RETURN settled;
END $$;
COMMENT ON FUNCTION moed.add_requested_tenants() IS 'Adds tenants of moed.tenant_request that are missing. Returns how many names it has settled. Workers call it.';
