import MoedPostgres

/// The client's half of the queue, for the commands: one connection, by the functions and views that SQL clients use.
package struct JobClient: Sendable {
    let connection: Connection

    /// Connects with the rights of the role in the connection string. Statements may take as long as they need.
    package static func connect(conninfo: String) async throws -> JobClient {
        var settings = ConnectionSettings(conninfo: conninfo, applicationName: "moed")
        settings.statementTimeout = .seconds(3600)
        return JobClient(connection: try await ConnectionPool.connect(settings))
    }

    package func close() async { await connection.close() }

    func rows(_ sql: SQL) async throws(DatabaseError) -> [Row] { try await connection.query(sql).rows }

    /// The only value of a statement.
    func value<T: SQLDecodable>(_ sql: SQL, as type: T.Type = T.self) async throws(DatabaseError) -> T? {
        try await rows(sql).first?.optional("value")
    }
}
