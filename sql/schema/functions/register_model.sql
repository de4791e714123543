CREATE FUNCTION moed.register_model(name text) RETURNS int
LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  INSERT INTO moed.model (name, registered_at) VALUES (register_model.name, clock_timestamp())
  ON CONFLICT (name) DO UPDATE SET registered_at = coalesce(moed.model.registered_at, excluded.registered_at)
  RETURNING id
$$;
COMMENT ON FUNCTION moed.register_model(text) IS 'Announces a model in advance: jobs that name it wait for a worker instead of failing with model_not_found. Returns its id.';
