package import MoedPostgres

/// Migrates the schema `moed` to the version of this program.
package struct Migrator: Sendable {
    /// Time that a statement waits for a lock. Everybody else's statements wait behind it meanwhile, so it is short.
    private static let lockTimeout = "500ms"
    /// Pause between two attempts to get all locks.
    private static let pause = Duration.seconds(1)
    /// Oldest server version that has `security_invoker` views.
    private static let serverVersionMin = 150_000

    private let connection: Connection
    private let migrations: [Migration]
    private let patience: Duration

    /// - Parameter patience: time for attempts to get all locks, against other migrators and open transactions.
    package init(
        connection: Connection, migrations: [Migration] = Migration.all, patience: Duration = .seconds(30)
    ) {
        self.connection = connection
        self.migrations = migrations
        self.patience = patience
    }

    /// Opens a migrator with a connection of its own.
    package static func connect(conninfo: String) async throws(QueueError) -> Migrator {
        var settings = ConnectionSettings(conninfo: conninfo, applicationName: "moed migrate")
        // Building an index on a large table may take long.
        settings.statementTimeout = .seconds(3600)
        let settled = settings
        return Migrator(
            connection: try await queueing { () async throws(DatabaseError) in
                try await Connection.connect(settled)
            })
    }

    package func close() async { await connection.close() }

    /// Pending migrations, in order.
    ///
    /// - Throws: `QueueError` of code `schemaNewer` or `schemaChanged` when this program must not change the database.
    package func plan() async throws(QueueError) -> [Migration] {
        try await attempt { connection in try self.pending(connection) }
    }

    /// Applies all pending migrations in one transaction and returns them; with `dryRun` everything is rolled back.
    ///
    /// - Parameter roles: true also creates the roles and grants their rights (`Migration.roles`). A schema with roles
    ///   gets them after every migration in any case, to cover new tables.
    package func apply(roles: Bool = false, dryRun: Bool = false) async throws(QueueError) -> [Migration] {
        let start = ContinuousClock.now
        while true {
            do throws(QueueError) {
                return try await applyOnce(roles: roles, dryRun: dryRun)
            } catch {
                guard error.isHeldUp || Self.isCreatedMeanwhile(error) else { throw error }
                guard ContinuousClock.now - start < patience else { throw await heldUp(error) }
                // A cancelled task ends the sleep; the next attempt throws or succeeds.
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    /// True when another migrator created the schema at the same time.
    private static func isCreatedMeanwhile(_ error: QueueError) -> Bool {
        error.database?.sqlState == "42P06" || error.database?.constraint == "pg_namespace_nspname_index"
    }

    private func applyOnce(roles: Bool, dryRun: Bool) async throws(QueueError) -> [Migration] {
        try await attempt { connection in
            if let problem = try SchemaCheck.owner(connection, handsOver: roles) { throw problem }
            try connection.query("SELECT set_config('lock_timeout', \(Self.lockTimeout), true)")
            // Clients cannot take this lock.
            if try self.schemaExists(connection) {
                try connection.query("LOCK TABLE moed.migration IN SHARE ROW EXCLUSIVE MODE")
            }
            var pending = try self.pending(connection)
            let needsRoles = try roles || (!pending.isEmpty && self.hasRoles(connection))
            for migration in pending {
                try connection.run(script: migration.sql)
                try connection.query(
                    """
                    INSERT INTO moed.migration (version, name, checksum)
                    VALUES (\(migration.version), \(migration.name),
                            encode(sha256(convert_to(\(migration.sql), 'UTF8')), 'hex'))
                    """)
            }
            try connection.query(
                """
                UPDATE moed.migration m SET works_since = k.works_since
                  FROM unnest(\(SQLArray(pending.map(\.version))), \(SQLArray(pending.map(\.worksSince))))
                    AS k(version, works_since)
                 WHERE m.version = k.version
                """)
            if needsRoles {
                try connection.run(script: Migration.roles.sql)
                pending.append(.roles)
            }
            if dryRun { throw RolledBack(pending: pending) }
            return pending
        }
    }

    /// The error with the oldest transactions that hold locks on tables of the schema.
    private func heldUp(_ error: QueueError) async -> QueueError {
        let holders = try? await attempt { connection in
            try connection.query(
                """
                SELECT string_agg(format('pid %s of %s since %s', h.pid, h.usename, h.since), ', ') AS holders FROM (
                  SELECT DISTINCT a.pid, a.usename, a.xact_start AS since FROM pg_locks l
                    JOIN pg_class c ON c.oid = l.relation AND c.relnamespace = to_regnamespace('moed')
                    JOIN pg_stat_activity a ON a.pid = l.pid
                   WHERE l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
                     AND a.xact_start < clock_timestamp() - interval '1 s'
                   ORDER BY a.xact_start LIMIT 5) AS h
                """
            ).rows.first?.optional("holders", as: String.self)
        }
        guard let holders else { return error }
        var result = error
        result.message += "; open transactions: \(holders): end them, for example with pg_terminate_backend(pid)"
        return result
    }

    /// Checks that the database has exactly the schema of this program.
    ///
    /// - Throws: `QueueError` naming the remedy: run `moed migrate`, install a newer `moed`, or grant rights.
    package func verify() async throws(QueueError) {
        if let first = try await problems().first { throw first }
    }

    /// Everything that keeps a worker from working in this database; empty when nothing does.
    ///
    /// - Throws: `QueueError` when the database cannot be asked.
    package func problems() async throws(QueueError) -> [QueueError] {
        try await attempt { connection in
            guard try self.schemaExists(connection) else {
                return [QueueError(.schemaMissing, "the database has no schema moed: run `moed migrate`")]
            }
            if let problem = try SchemaCheck.policies(connection) { return [problem] }
            if let problem = try self.missingRights(connection) { return [problem] }
            let pending = try self.pending(connection)
            if let first = pending.first {
                return [
                    QueueError(
                        .schemaOlder,
                        "the database lacks \(pending.count) migration(s), the first is \(first.name): "
                            + "run `moed migrate`")
                ]
            }
            return try SchemaCheck.sequences(connection)
        }
    }

    /// The rights of a worker that the role lacks. Detected later, a missing right would hold up finished jobs.
    ///
    /// All objects are found in the catalogs: a name would need the right to use the schema.
    private func missingRights(_ connection: isolated Connection) throws(DatabaseError) -> QueueError? {
        let found = try connection.query(
            """
            SELECT coalesce(
                     CASE WHEN row_security_active(j.oid) AND NOT EXISTS (
                            SELECT FROM pg_roles r
                             WHERE r.rolname IN ('moed_worker', 'moed_operator') AND pg_has_role(r.oid, 'USAGE'))
                          THEN 'to be a member: GRANT moed_worker TO ' || quote_ident(current_user) END,
                     concat_ws(', ',
                       CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 'USAGE on schema moed' END,
                       string_agg(w.rights || ' on moed.' || w.name, ', ' ORDER BY w.name)
                         FILTER (WHERE NOT CASE w.rights
                           WHEN 'USAGE' THEN has_sequence_privilege(c.oid, w.rights)
                           ELSE (SELECT bool_and(has_table_privilege(c.oid, r))
                                   FROM unnest(string_to_array(w.rights, ', ')) AS r) END))) AS missing,
                   current_user::text AS role
              FROM (VALUES ('worker', 'SELECT, INSERT, UPDATE'), ('model', 'SELECT, INSERT, UPDATE'),
                           ('tenant', 'SELECT'), ('tenants', 'SELECT'), ('tenant_usage', 'SELECT'),
                           ('usage_delta', 'SELECT, INSERT'), ('control', 'SELECT'),
                           ('job', 'SELECT, UPDATE, DELETE'), ('job_request', 'SELECT'),
                           ('cancel_request', 'SELECT, UPDATE, DELETE'), ('tenant_request', 'SELECT'),
                           ('cooldown_end', 'SELECT'), ('endpoint_request', 'SELECT, INSERT, UPDATE'),
                           ('endpoint_state', 'SELECT, INSERT, UPDATE, DELETE'),
                           ('job_checkpoint', 'SELECT, INSERT, UPDATE, DELETE'), ('job_result', 'INSERT'),
                           ('job_attempt', 'SELECT, INSERT, UPDATE'), ('token_ledger', 'INSERT'),
                           ('lease_token_seq', 'USAGE'), ('migration', 'SELECT'),
                           ('origin', 'SELECT, INSERT'), ('batch', 'SELECT, UPDATE'),
                           ('batch_line', 'SELECT'), ('policy', 'SELECT'), ('batch_budget', 'SELECT, UPDATE'),
                           ('policy_verdict', 'INSERT')) AS w(name, rights)
              JOIN pg_namespace n ON n.nspname = 'moed'
              JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
              JOIN pg_class j ON j.relnamespace = n.oid AND j.relname = 'job'
             GROUP BY n.oid, j.oid
            """)
        guard let row = found.rows.first else { return nil }
        let (role, rights): (String, String) = (try row.value("role"), try row.value("missing"))
        return rights.isEmpty ? nil : QueueError(.rightsMissing, "role \(role) needs \(rights)")
    }

    /// Thrown to undo a dry run.
    private struct RolledBack: Error { var pending: [Migration] }

    private func attempt<R: Sendable>(
        _ body: @Sendable @escaping (isolated Connection) throws -> R
    ) async throws(QueueError) -> R {
        do {
            return try await connection.transaction { connection in
                guard connection.serverVersion >= Self.serverVersionMin else {
                    throw QueueError(
                        .serverTooOld,
                        "PostgreSQL 15 or later is needed; this is \(connection.serverVersion / 10_000)")
                }
                if let problem = try SchemaCheck.server(connection) { throw problem }
                return try body(connection)
            }
        } catch let undone as RolledBack {
            guard let result = undone.pending as? R else {
                throw QueueError(.database, "the dry run was rolled back")
            }
            return result
        } catch let error as QueueError {
            throw error
        } catch let error as DatabaseError {
            throw QueueError(error)
        } catch {
            throw QueueError(.database, "\(error)")
        }
    }

    private func schemaExists(_ connection: isolated Connection) throws(DatabaseError) -> Bool {
        // The name moed.migration would need the right to use the schema.
        let result = try connection.query(
            """
            SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                            WHERE n.nspname = 'moed' AND c.relname = 'migration') AS found
            """)
        return try result.rows.first?.value("found") ?? false
    }

    private func hasRoles(_ connection: isolated Connection) throws(DatabaseError) -> Bool {
        let result = try connection.query(
            """
            SELECT coalesce((SELECT pg_get_userbyid(nspowner) = 'moed_owner' FROM pg_namespace WHERE nspname = 'moed'),
                            false) AS found
            """)
        return try result.rows.first?.value("found") ?? false
    }

    private func pending(_ connection: isolated Connection) throws -> [Migration] {
        guard try schemaExists(connection) else { return migrations }
        let known = try connection.query(
            """
            SELECT m.version, m.name, (to_jsonb(m) ->> 'works_since')::int AS works_since,
                   m.checksum = encode(sha256(convert_to(k.sql, 'UTF8')), 'hex') AS same
              FROM moed.migration m
              LEFT JOIN unnest(\(SQLArray(migrations.map(\.version))), \(SQLArray(migrations.map(\.name))),
                               \(SQLArray(migrations.map(\.sql)))) AS k(version, name, sql) ON k.version = m.version
             ORDER BY m.version
            """)
        var applied: Set<Int> = []
        for row in known.rows {
            let version: Int = try row.value("version")
            let name: String = try row.value("name")
            guard let same: Bool = try row.optional("same") else {
                let known = migrations.last?.version ?? 0
                if let since: Int = try row.optional("works_since"), since <= known { continue }
                throw QueueError(
                    .schemaNewer,
                    "the database has migration \(version) (\(name)), this one knows \(known): "
                        + "install a newer moed")
            }
            guard same else {
                throw QueueError(
                    .schemaChanged, "migration \(version) (\(name)) differs from the one that was applied")
            }
            applied.insert(version)
        }
        return migrations.filter { !applied.contains($0.version) }
    }
}
