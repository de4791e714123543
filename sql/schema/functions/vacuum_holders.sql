-- It runs with its owner's rights where the owner may see all sessions (roles.sql). It returns their ages only.
CREATE FUNCTION moed.vacuum_holders(OUT kind text, OUT name text, OUT age interval, OUT transactions bigint)
RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT 'transaction', a.pid::text, clock_timestamp() - a.xact_start, age(a.backend_xmin)::bigint
    FROM pg_stat_activity a
   WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
  UNION ALL
  SELECT 'prepared transaction', p.gid, clock_timestamp() - p.prepared, age(p.transaction)::bigint
    FROM pg_prepared_xacts p WHERE p.database = current_database()
  UNION ALL
  SELECT 'replication slot', s.slot_name::text, NULL, greatest(age(s.xmin), age(s.catalog_xmin))::bigint
    FROM pg_replication_slots s WHERE s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL
  UNION ALL
  SELECT 'standby', r.application_name, NULL, age(r.backend_xmin)::bigint
    FROM pg_stat_replication r WHERE r.backend_xmin IS NOT NULL
$$;
COMMENT ON FUNCTION moed.vacuum_holders() IS 'Holders of old snapshots, which keep vacuum from removing dead rows: open transactions (name is the process id), prepared transactions, replication slots, standbys with hot_standby_feedback. transactions is the number of transactions begun since.';
