import MoedCore
import MoedPostgres
package import MoedQueue

/// A temporary database on the user's server for tests of the queue.
///
/// The schema's name is fixed, so a database of its own separates trials from real jobs.
package struct RehearsalDatabase: Sendable {
    /// Connection string of the temporary database.
    package let conninfo: String
    let connection: Connection

    /// Creates a database, applies the schema, and drops the database after `body` returns or throws. When the task is
    /// cancelled, the database is dropped at once, so `body` fails.
    ///
    /// - Parameter server: connection string of any database of the server; the role needs CREATEDB.
    package static func using<R: Sendable>(
        _ server: String, _ body: (RehearsalDatabase) async throws -> R
    ) async throws -> R {
        let name = "moed_rehearsal_\(UInt64.random(in: .min ... .max))"
        // CREATE DATABASE takes no bind parameters. The name is generated here and needs no quotes.
        // template0 accepts no connections, so no other session holds its lock.
        try await administer(server, "CREATE DATABASE \(name) TEMPLATE template0")
        let result: R
        do {
            result = try await withTaskCancellationHandler {
                let database = try await open(name, on: server)
                let result = try await body(database)
                await database.connection.close()
                return result
            } onCancel: {
                // If this fails, the drop below tries again.
                Task { try? await drop(name, on: server) }
            }
        } catch {
            // The error of `body` matters more than a failed drop.
            try? await drop(name, on: server)
            throw error
        }
        try await drop(name, on: server)
        return result
    }

    private static func open(_ name: String, on server: String) async throws(QueueError) -> RehearsalDatabase
    {
        let conninfo = Self.conninfo(server, database: name)
        let migrator = try await Migrator.connect(conninfo: conninfo)
        _ = try await migrator.apply()
        await migrator.close()
        return try await queueing { () async throws(DatabaseError) in
            RehearsalDatabase(
                conninfo: conninfo, connection: try await Connection.connect(settings(conninfo)))
        }
    }

    /// Drops the database and terminates every connection to it.
    private static func drop(_ name: String, on server: String) async throws(QueueError) {
        try await administer(server, "DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    }

    /// Connections that a server has left for this role.
    static func freeConnections(of server: String) async throws(QueueError) -> Int {
        try await queueing { () async throws(DatabaseError) in
            let connection = try await Connection.connect(settings(server))
            let result = try await connection.query(
                """
                SELECT current_setting('max_connections')::bigint
                       - CASE WHEN r.rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::bigint END
                       - (SELECT count(*) FROM pg_stat_activity a
                           WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()) AS free
                  FROM pg_roles r WHERE r.rolname = current_user
                """)
            await connection.close()
            return try result.rows.first?.value("free") ?? 0
        }
    }

    private static func administer(_ server: String, _ script: String) async throws(QueueError) {
        try await queueing { () async throws(DatabaseError) in
            var patient = settings(server)
            patient.lockTimeout = patient.statementTimeout
            let admin = try await Connection.connect(patient)
            try await admin.run(script: script)
            await admin.close()
        }
    }

    /// Replaces the database in a connection string: the last value of a repeated parameter wins.
    static func conninfo(_ server: String, database: String) -> String {
        guard server.hasPrefix("postgres://") || server.hasPrefix("postgresql://") else {
            return "\(server) dbname=\(database)"
        }
        return "\(server)\(server.contains("?") ? "&" : "?")dbname=\(database)"
    }

    private static func settings(_ conninfo: String) -> ConnectionSettings {
        var settings = ConnectionSettings(conninfo: conninfo, applicationName: "moed rehearsal")
        settings.statementTimeout = .seconds(600)
        return settings
    }

    func run(_ sql: SQL) async throws(QueueError) -> QueryResult {
        try await queueing { () async throws(DatabaseError) in try await connection.query(sql) }
    }

    /// Values of the column `value`, one per row.
    func all<T: SQLDecodable & Sendable>(_ sql: SQL) async throws(QueueError) -> [T] {
        let result = try await run(sql)
        return try await queueing { () async throws(DatabaseError) in
            var values: [T] = []
            for row in result.rows { values.append(try row.value("value")) }
            return values
        }
    }

    func count(_ sql: SQL) async throws(QueueError) -> Int { try await (all(sql) as [Int]).first ?? 0 }
    func text(_ sql: SQL) async throws(QueueError) -> String { try await (all(sql) as [String]).first ?? "" }

    /// Opens another connection to the database. The caller closes it.
    func connect() async throws(QueueError) -> Connection {
        try await queueing { () async throws(DatabaseError) in
            try await Connection.connect(Self.settings(conninfo))
        }
    }
}

extension RehearsalDatabase {
    /// Enqueues jobs of one job class in one statement, in turn over the tenants.
    ///
    /// - Parameter padding: further bytes in each body, as its member `metadata`.
    package func enqueue(
        _ jobs: Int, tenants: [String] = ["default"], padding: Int = 0, priority: Int = 0
    ) async throws(QueueError) {
        _ = try await run(
            """
            INSERT INTO moed.jobs (prompt, reasoning, max_tokens, tenant, priority, params)
            SELECT 'job', 'non_thinking', 1, (\(SQLArray(tenants)))[1 + i % \(tenants.count)::int], \(priority),
                   CASE WHEN \(padding) > 0 THEN json_build_object('metadata', repeat('x', \(padding)::int)) END
              FROM generate_series(1, \(jobs)::int) AS i
            """)
    }

    /// Makes request bodies for `enqueueBodies`, equivalent to the jobs of `enqueue`.
    package func makeBodies(_ count: Int, padding: Int) async throws(QueueError) {
        _ = try await run("DROP TABLE IF EXISTS pg_temp.bodies")
        _ = try await run(
            """
            CREATE TEMPORARY TABLE bodies AS
            SELECT array_agg(json_build_object(
                     'messages', json_build_array(json_build_object('role', 'user', 'content', 'job')),
                     'max_tokens', 1, 'reasoning_effort', 'none', 'metadata', repeat('x', \(padding)::int))) AS requests
              FROM generate_series(1, \(count)::int)
            """)
    }

    /// Enqueues all bodies of `makeBodies` by `moed.enqueue_many`, for one tenant.
    package func enqueueBodies(tenant: String) async throws(QueueError) {
        _ = try await run(
            "SELECT count(*) FROM bodies b CROSS JOIN LATERAL moed.enqueue_many(b.requests, tenant => \(tenant))"
        )
    }

    /// Bytes of the tables that hold a job's rows, indexes included.
    package func tableBytes() async throws(QueueError) -> Int {
        try await count(
            """
            SELECT sum(pg_total_relation_size(c.oid))::bigint AS value FROM pg_class c
             WHERE c.relnamespace = 'moed'::regnamespace AND c.relkind = 'r'
               AND c.relname IN ('job', 'job_request', 'job_result', 'job_attempt', 'job_checkpoint')
            """)
    }

    /// Bytes of the same tables as `tableBytes` after VACUUM FULL.
    package func compactedTableBytes() async throws(QueueError) -> Int {
        for table in ["job", "job_request", "job_result", "job_attempt", "job_checkpoint"] {
            _ = try await queueing { () async throws(DatabaseError) in
                try await connection.run(script: "VACUUM FULL moed.\(table)", timeout: .seconds(600))
            }
        }
        return try await tableBytes()
    }

    package func jobs(_ state: String) async throws(QueueError) -> Int {
        try await count("SELECT count(*) AS value FROM moed.job WHERE state = \(state)::moed.job_state")
    }

    /// Descriptions of violated `QueueInvariants`.
    package func violations() async throws(QueueError) -> [String] {
        try await all(QueueInvariants.violations)
    }
}

/// Two open transactions that keep vacuum from removing rows: one holds a snapshot, the other is an idle writer.
package struct HeldTransactions: Sendable {
    private let reader: Connection
    private let writer: Connection

    package static func begin(in database: RehearsalDatabase) async throws(QueueError) -> HeldTransactions {
        let reader = try await database.connect()
        let writer = try await database.connect()
        return try await queueing { () async throws(DatabaseError) in
            try await reader.run(
                script: "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM moed.worker")
            try await writer.run(script: "BEGIN; INSERT INTO moed.tenant (name) VALUES ('never committed')")
            return HeldTransactions(reader: reader, writer: writer)
        }
    }

    package func end() async {
        await reader.close()
        await writer.close()
    }
}
