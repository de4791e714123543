CREATE FUNCTION moed.model_key(model_name text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  -- A longer name can be no registered model: cut, it fails with model_not_found like any other unknown name.
  SELECT CASE WHEN model_name = '' THEN '(empty)'
              WHEN length(model_name) > 255 THEN left(model_name, 255) || '…' ELSE model_name END
$$;
COMMENT ON FUNCTION moed.model_key(text) IS 'Name of a model as it is kept: 1 to 256 characters.';
