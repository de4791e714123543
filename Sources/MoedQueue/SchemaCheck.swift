import MoedPostgres

/// Checks of a database beside moed's migrations: a server that takes writes, an owner, policies, sequences.
enum SchemaCheck {
    /// A reason why this server or session is unfit for moed.
    static func server(_ connection: isolated Connection) throws(DatabaseError) -> QueueError? {
        let result = try connection.query(
            """
            SELECT current_setting('server_encoding') AS encoding, current_database()::text AS database,
                   current_user::text AS role, pg_is_in_recovery() AS standby,
                   current_setting('transaction_read_only')::boolean AS read_only
            """)
        guard let row = result.rows.first else { return nil }
        let (database, role): (String, String) = (try row.value("database"), try row.value("role"))
        let encoding: String = try row.value("encoding")
        guard encoding == "UTF8" else {
            return QueueError(
                .wrongEncoding,
                "the encoding of database \(database) is \(encoding), and moed needs UTF8: "
                    + "CREATE DATABASE \(database)_utf8 ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0")
        }
        let advice = "name the server that takes writes, or all servers with target_session_attrs=read-write"
        if try row.value("standby") {
            return QueueError(.readOnly, "the server is a standby and takes no writes: \(advice)")
        }
        if try row.value("read_only") {
            return QueueError(
                .readOnly,
                "sessions of role \(role) are read-only (default_transaction_read_only): set it off for the role or "
                    + "database; with a standby, \(advice)")
        }
        return nil
    }

    /// A reason why this role may not migrate the schema.
    ///
    /// - Parameter handsOver: true when the schema is to belong to `moed_owner`.
    static func owner(
        _ connection: isolated Connection, handsOver: Bool
    ) throws(DatabaseError) -> QueueError? {
        let result = try connection.query(
            """
            SELECT quote_ident(current_user) AS role, quote_ident(current_database()) AS database,
                   has_database_privilege(current_database(), 'CREATE') AS may_create,
                   quote_ident(pg_get_userbyid(n.nspowner)) AS owner, pg_has_role(n.nspowner, 'USAGE') AS may_change
              FROM (VALUES (1)) AS one LEFT JOIN pg_namespace n ON n.nspname = 'moed'
            """)
        guard let row = result.rows.first else { return nil }
        let (role, database): (String, String) = (try row.value("role"), try row.value("database"))
        let owner: String? = try row.optional("owner")
        if let owner, try row.optional("may_change") == false {
            return QueueError(
                .rightsMissing,
                "role \(role) may not change the schema moed, which belongs to \(owner): migrate as \(owner) or as a "
                    + "superuser, or GRANT \(owner) TO \(role)")
        }
        if owner == nil || handsOver && owner != "moed_owner", try !row.value("may_create") {
            return QueueError(
                .rightsMissing,
                "role \(role) may not create a schema in database \(database): migrate as the database's owner or as a "
                    + "superuser, or GRANT CREATE ON DATABASE \(database) TO \(role)")
        }
        return nil
    }

    /// Tables whose rows nobody but their owner sees. A dump restored into a cluster without moed's roles has them.
    static func policies(_ connection: isolated Connection) throws(DatabaseError) -> QueueError? {
        let result = try connection.query(
            """
            SELECT string_agg('moed.' || c.relname, ', ' ORDER BY c.relname) AS tables
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'moed' AND c.relrowsecurity
               AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
            """)
        guard let tables: String = try result.rows.first?.optional("tables") else { return nil }
        return QueueError(
            .policiesMissing,
            "row security has no policies for \(tables), as after a restore without moed's roles: "
                + "run `moed migrate --roles`")
    }

    /// Sequences whose next number is in use already, as after a switch to a logical replica.
    static func sequences(_ connection: isolated Connection) throws(DatabaseError) -> [QueueError] {
        let owned = try connection.query(
            """
            SELECT format('%I.%I', n.nspname, s.relname) AS name,
                   format('SELECT max(%I) FROM %I.%I', a.attname, n.nspname, t.relname) AS highest
              FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
              JOIN pg_class t ON t.oid = d.refobjid
              JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
              JOIN pg_namespace n ON n.oid = s.relnamespace
             WHERE n.nspname = 'moed' AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
               AND d.deptype IN ('a', 'i') AND CASE s.relkind WHEN 'S' THEN has_sequence_privilege(s.oid, 'SELECT') END
               AND has_column_privilege(t.oid, a.attnum, 'SELECT')
            UNION ALL
            SELECT 'moed.lease_token_seq',
                   'SELECT greatest((SELECT max(first_token) - 1 FROM moed.worker),
                                    (SELECT max(lease_token) FROM moed.job WHERE state = ''running''))'
             WHERE has_sequence_privilege('moed.lease_token_seq', 'SELECT')
             ORDER BY 1
            """)
        var problems: [QueueError] = []
        for row in owned.rows {
            let (name, highest): (String, String) = (try row.value("name"), try row.value("highest"))
            // Both are names of moed's own, quoted by the server.
            let compared = try connection.run(
                script: """
                    SELECT h.highest::bigint AS highest, s.last_value + s.is_called::int AS next
                      FROM \(name) s, (\(highest)) AS h(highest)
                    """)
            guard let last = compared.rows.first, let highest: Int64 = try last.optional("highest"),
                let next: Int64 = try last.optional("next"), next <= highest
            else { continue }
            problems.append(
                QueueError(
                    .sequenceBehind,
                    "\(name) is behind its table: its next number is \(next), and \(highest) is in use: "
                        + "SELECT setval('\(name)', \(highest))"))
        }
        return problems
    }
}
