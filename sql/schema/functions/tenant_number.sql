-- It runs with its owner's rights: an operator who adds a tenant may not call moed.tenant_key().
CREATE FUNCTION moed.tenant_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  NEW.id := coalesce(NEW.id, moed.tenant_key(NEW.name));
  RETURN NEW;
END $$;
COMMENT ON FUNCTION moed.tenant_number() IS 'Trigger of moed.tenant: gives a new tenant its id.';
