CREATE FUNCTION moed.may_spend(job_id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT EXISTS (SELECT FROM moed.batch_line l JOIN moed.batch_budget b ON b.batch_id = l.batch_id
                      WHERE l.job_id = may_spend.job_id AND b.spent >= b.money_max)
$$;
COMMENT ON FUNCTION moed.may_spend(bigint) IS 'False when the price ceiling of a job''s batch is used up.';
