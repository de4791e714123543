/// Reports for many readers, over shared connections with the rights of one role.
package struct ReportPool: Sendable {
    private let pool: ConnectionPool

    package init(_ pool: ConnectionPool) { self.pool = pool }

    package func with<R: Sendable>(_ body: @Sendable (JobClient) async throws -> R) async throws -> R {
        try await pool.run { connection in try await body(JobClient(connection: connection)) }
    }
}
