CREATE FUNCTION moed.model_of(model_name text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, moed, pg_temp AS $$
DECLARE
  -- A longer name can be no registered model: cut, it fails with model_not_found like any other unknown name.
  key text := CASE WHEN length(model_name) > 255 THEN left(model_name, 255) || '…' ELSE model_name END;
  found_id int;
BEGIN
  IF key = '' THEN key := '(empty)'; END IF;
  SELECT m.id INTO found_id FROM moed.model m WHERE m.name = key;
  IF found_id IS NOT NULL THEN RETURN found_id; END IF;
  INSERT INTO moed.model (name) VALUES (key) ON CONFLICT (name) DO NOTHING RETURNING id INTO found_id;
  IF found_id IS NULL THEN SELECT m.id INTO found_id FROM moed.model m WHERE m.name = key; END IF;
  IF found_id IS NULL THEN
    RAISE EXCEPTION 'model was added by a concurrent transaction' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN found_id;
END $$;
COMMENT ON FUNCTION moed.model_of(text) IS 'Id of a model name, adding it unregistered when it is new.';
