CREATE FUNCTION moed.api_chat_results(keys text[], jobs bigint[])
RETURNS TABLE (job bigint, state text, body json, error_code text, error_message text, error_param text)
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT j.id, j.state::text, r.body, r.error_code, r.error_message, r.error_param
    FROM unnest(keys, jobs) AS a(key, job)
    JOIN moed.job j ON j.id = a.job AND j.finished_at IS NOT NULL
    JOIN moed.api_key k ON k.digest = sha256(decode(a.key, 'hex')) AND k.tenant_id = j.tenant_id
    LEFT JOIN moed.job_result r ON r.job_id = j.id
$$;
COMMENT ON FUNCTION moed.api_chat_results(text[], bigint[]) IS 'For the gateway: those of its waiting requests that have ended, each asked for with the key that it came with.';
