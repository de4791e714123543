package import MoedPostgres

/// Queue operations of one worker over one connection.
///
/// Every method is one or a few round trips and throws `QueueError`. After a lost connection the owner opens another
/// store and repeats the pending write. Completions, failures and releases may be repeated.
package struct JobStore: Sendable {
    /// Maximum number of jobs that one statement settles, claims or moves, so that none takes long.
    package static let rowsPerStatementMax = 1000
    /// Maximum time that a statement of a worker waits for a lock. Statements skip locked rows; a table or an index
    /// entry may still be locked.
    package static let lockTimeout = Duration.milliseconds(500)
    /// Number of bytes of text after which a statement takes no more rows; PostgreSQL accepts less than a gigabyte.
    package static let bytesPerStatementMax = 16 << 20

    let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    package static func connect(conninfo: String, applicationName: String = "moed") async throws(QueueError)
        -> JobStore
    {
        var settings = ConnectionSettings(conninfo: conninfo, applicationName: applicationName)
        settings.lockTimeout = Self.lockTimeout
        return try await connect(settings)
    }

    /// Connects for renewals of the lease alone: each must end well within a lease.
    package static func connectForLease(
        conninfo: String, lease: Duration
    ) async throws(QueueError) -> JobStore {
        var settings = ConnectionSettings(conninfo: conninfo, applicationName: "moed lease")
        settings.lockTimeout = Self.lockTimeout
        settings.statementTimeout = min(settings.statementTimeout, max(lease / 8, .seconds(1)))
        return try await connect(settings)
    }

    private static func connect(_ settings: ConnectionSettings) async throws(QueueError) -> JobStore {
        JobStore(
            connection: try await queueing { () async throws(DatabaseError) in
                let connection = try await Connection.connect(settings)
                try await connection.configure(Self.session)
                return connection
            })
    }

    /// Settings of a session, or of each transaction behind a pooler. Names in our statements are qualified, and no
    /// other schema can replace an operator.
    ///
    /// Every statement starts with few rows and finds the others by index, however many there are. Statistics are wrong
    /// when the queue has just been filled or emptied. Plans made from them read the whole table, and compiling one
    /// took seconds.
    package static let session = """
        SET search_path = pg_catalog;
        SET plan_cache_mode = force_generic_plan;
        SET jit = off;
        SET enable_seqscan = off;
        SET enable_bitmapscan = off;
        SET enable_hashjoin = off;
        SET enable_mergejoin = off
        """

    package func close() async { await connection.close() }

    func query(_ sql: SQL) async throws(QueueError) -> QueryResult {
        try await queueing { () async throws(DatabaseError) in try await connection.queryPrepared(sql) }
    }

    /// Decodes rows of a result.
    func decode<R>(
        _ result: QueryResult, _ body: (Row) throws(DatabaseError) -> R
    ) async throws(QueueError) -> [R] {
        try await queueing { () async throws(DatabaseError) in
            var values: [R] = []
            values.reserveCapacity(result.rows.count)
            for row in result.rows { values.append(try body(row)) }
            return values
        }
    }

    /// The only row of a result, decoded.
    func decodeOne<R>(
        _ result: QueryResult, _ body: (Row) throws(DatabaseError) -> R
    ) async throws(QueueError) -> R {
        guard let value = try await decode(result, body).first else {
            throw QueueError(DatabaseError(.protocolViolation, "the statement returned no row"))
        }
        return value
    }
}

extension String {
    /// Text with U+FFFD for each NUL, which PostgreSQL's text cannot hold; JSON bodies keep NUL as an escape.
    var withoutNUL: String {
        utf8.contains(0)
            ? String(decoding: utf8.flatMap { $0 == 0 ? Array("\u{FFFD}".utf8) : [$0] }, as: UTF8.self) : self
    }
}
