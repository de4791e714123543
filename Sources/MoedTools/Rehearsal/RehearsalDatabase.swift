import MoedCore
import MoedPostgres
package import MoedQueue

/// A database that is made to try the queue in, on a server of the user's, and dropped afterwards.
///
/// The schema's name is fixed, so it is a database of its own that keeps trials apart from real jobs.
package struct RehearsalDatabase: Sendable {
    /// For connecting to it.
    package let conninfo: String
    let connection: Connection

    /// Creates one with the schema applied, and drops it after `body`, whatever that came to. When the task is
    /// cancelled it is dropped at once, and `body` fails for want of it.
    ///
    /// - Parameter server: connection string of any database of the server; the role needs CREATEDB.
    package static func using<R: Sendable>(
        _ server: String, _ body: (RehearsalDatabase) async throws -> R
    ) async throws -> R {
        let name = "moed_rehearsal_\(UInt64.random(in: .min ... .max))"
        // The name is our own and takes no quotes: CREATE DATABASE has no binds. Nobody can connect to template0, so
        // nobody else holds its lock.
        try await administer(server, "CREATE DATABASE \(name) TEMPLATE template0")
        let result: R
        do {
            result = try await withTaskCancellationHandler {
                let database = try await open(name, on: server)
                let result = try await body(database)
                await database.connection.close()
                return result
            } onCancel: {
                // Where this fails, the drop below tries again.
                Task { try? await drop(name, on: server) }
            }
        } catch {
            // What went wrong before matters more than a database that cannot be dropped.
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

    /// Ends every connection to it, too.
    private static func drop(_ name: String, on server: String) async throws(QueueError) {
        try await administer(server, "DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
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

    /// The same server, another database: what comes later in a connection string wins.
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

    /// Column `value` of every row.
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

    /// Another connection to it, which nothing waits for.
    func connect() async throws(QueueError) -> Connection {
        try await queueing { () async throws(DatabaseError) in
            try await Connection.connect(Self.settings(conninfo))
        }
    }
}

extension RehearsalDatabase {
    /// Adds jobs of one group in one statement, shared out over the tenants.
    ///
    /// - Parameter padding: further bytes in each body, as a member that jobs may have.
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

    /// Makes bodies like theirs for `enqueueBodies`.
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

    /// Adds them all by `moed.enqueue_many`, for one tenant.
    package func enqueueBodies(tenant: String) async throws(QueueError) {
        _ = try await run(
            "SELECT count(*) FROM bodies b CROSS JOIN LATERAL moed.enqueue_many(b.requests, tenant => \(tenant))"
        )
    }

    /// Bytes of the tables a job has rows in, with their indexes.
    package func tableBytes() async throws(QueueError) -> Int {
        try await count(
            """
            SELECT sum(pg_total_relation_size(c.oid))::bigint AS value FROM pg_class c
             WHERE c.relnamespace = 'moed'::regnamespace AND c.relkind = 'r'
               AND c.relname IN ('job', 'job_request', 'job_result', 'job_attempt', 'job_checkpoint')
            """)
    }

    /// The same once everything that is dead was removed.
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

    /// What is broken of `QueueInvariants`.
    package func violations() async throws(QueueError) -> [String] {
        try await all(QueueInvariants.violations)
    }
}

/// What keeps vacuum from removing anything: a snapshot that is held, and a writer that is idle in its transaction.
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
