-- Nothing is written here: an open transaction with a new name would hold up every other one with that name, and the
-- worker that serves it.
CREATE FUNCTION moed.model_of(model_name text) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  RETURN coalesce((SELECT m.id FROM moed.model m
                    WHERE m.name = model_of.model_name AND m.registered_at IS NOT NULL), 0);
END $$;
COMMENT ON FUNCTION moed.model_of(text) IS 'Id of a registered model; 0 for any other name.';
