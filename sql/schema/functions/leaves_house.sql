CREATE FUNCTION moed.leaves_house(model_id int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT NOT bool_or(w.is_house) FROM moed.worker w
   WHERE w.stopped_at IS NULL AND w.expires_at > clock_timestamp() AND leaves_house.model_id = ANY (w.models)
$$;
COMMENT ON FUNCTION moed.leaves_house(int) IS 'True when all live workers of a model send its jobs to endpoints outside of the house; NULL when there is no worker.';
