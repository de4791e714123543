import MoedPostgres
import MoedQueue
import TestSupport
import Testing

/// A queue with roles, and two clients with a tenant each, an operator, a reader and a stranger.
struct RolesHouse {
    let queue: Queue
    let prefix: String

    /// SQLSTATE of a missing right.
    static let denied = "42501"

    init() async throws {
        queue = try await Queue()
        prefix = queue.database.name
        let migrator = Migrator(connection: try await queue.database.connect())
        #expect(try await migrator.apply(roles: true) == [.roles])
        // Running it again changes nothing and is no error.
        #expect(try await migrator.apply(roles: true) == [.roles])
        await migrator.close()
        for (name, jobClass) in [
            ("alice", "moed_client"), ("bob", "moed_client"), ("homeless", "moed_client"),
            ("olga", "moed_operator"), ("rita", "moed_reader"), ("daemon", "moed_worker"),
        ] {
            try await queue.database.run(
                script: "CREATE ROLE \(prefix)_\(name) LOGIN; GRANT \(jobClass) TO \(prefix)_\(name)")
        }
        try await queue.database.run(
            script: """
                CREATE ROLE \(prefix)_stranger LOGIN;
                INSERT INTO moed.tenant (name, db_role) VALUES ('a', '\(prefix)_alice'), ('b', '\(prefix)_bob')
                """)
    }

    func connect(_ name: String) async throws -> Connection {
        let conninfo = "host=\(queue.database.host) dbname=\(prefix) user=\(prefix)_\(name)"
        return try await Connection.connect(ConnectionSettings(conninfo: conninfo, applicationName: name))
    }

    /// SQLSTATE of a refused statement; nil when it succeeds.
    func refusal(_ name: String, _ statement: String) async throws -> String? {
        let connection = try await connect(name)
        defer { Task { await connection.close() } }
        do {
            try await connection.run(script: statement)
            return nil
        } catch {
            return error.sqlState
        }
    }

    func close() async throws {
        let owned = try await queue.database.query(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE \(prefix + "\\_%")")
        for row in owned {
            let role: String = try row.value("rolname")
            try await queue.database.run(script: "DROP OWNED BY \(role); DROP ROLE \(role)")
        }
        await queue.close()
    }
}
