-- Its names are qualified and it has no settings of its own, so that it is inlined.
CREATE FUNCTION moed.call_stamp(role name) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT pg_catalog.concat(pg_catalog.pg_backend_pid(), ' ', extract(epoch FROM pg_catalog.transaction_timestamp()), ' ', role)
$$;
COMMENT ON FUNCTION moed.call_stamp(name) IS 'Text of moed.acting_role: session, transaction and role.';
