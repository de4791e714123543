CREATE FUNCTION moed.hindrances(tenant_id int, model_id int, model_name text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT array_agg(h.reason ORDER BY h.place) FROM (
    SELECT 1 AS place, format('everything is paused since %s', moed.utc(c.paused_at)) AS reason
      FROM moed.control c WHERE c.paused_at IS NOT NULL
    UNION ALL
    SELECT 2, format('model "%s" is paused since %s', m.name, moed.utc(m.paused_at))
      FROM moed.model m WHERE m.id = hindrances.model_id AND m.paused_at IS NOT NULL
    UNION ALL
    SELECT 3, format('tenant "%s" is paused since %s', t.name, moed.utc(t.paused_at))
      FROM moed.tenant t WHERE t.id = hindrances.tenant_id AND t.paused_at IS NOT NULL
    UNION ALL
    SELECT 4, format('tenant "%s" has used %s of its %s tokens of today, and its jobs start again at midnight UTC',
                     t.name, t.tokens_today, t.tokens_per_day)
      FROM moed.tenants t WHERE t.id = hindrances.tenant_id AND t.tokens_today >= t.tokens_per_day
    UNION ALL
    SELECT 5, format('tenant "%s" has %s running jobs, as many as its max_running allows', t.name, r.jobs)
      FROM moed.tenant t CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM moed.job q WHERE q.state = 'running' AND q.tenant_id = t.id) r
     WHERE t.id = hindrances.tenant_id AND r.jobs >= t.max_running
    UNION ALL
    SELECT 6, format('no worker has ever served model "%s", so a worker ends it with model_not_found', hindrances.model_name)
     WHERE hindrances.model_name IS NOT NULL
    UNION ALL
    SELECT 7, CASE
        WHEN NOT EXISTS (SELECT FROM moed.worker w WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp())
          THEN 'no worker is alive'
        ELSE format('no live worker serves model "%s"', m.name) END
      FROM moed.model m
     WHERE m.id = hindrances.model_id AND NOT EXISTS (
       SELECT FROM moed.worker w
        WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND m.id = ANY (w.models))
    UNION ALL
    SELECT 8, format('all live workers of model "%s" send jobs out of the house, and %s', m.name,
                     moed.stays_because(hindrances.tenant_id, m.id))
      FROM moed.model m
     WHERE m.id = hindrances.model_id AND moed.leaves_house(m.id)
       AND moed.stays_because(hindrances.tenant_id, m.id) IS NOT NULL) AS h
$$;
COMMENT ON FUNCTION moed.hindrances(int, int, text) IS 'Reasons why no job of a tenant and model starts now: pauses, budget, max_running, no worker. NULL is none.';
