import MoedHost

/// Rows of a statement and the number of rows it affected.
package struct QueryResult: Sendable {
    package var rows: [Row]
    package var affected: Int
}

/// Notification sent by `NOTIFY`.
package struct Notification: Sendable, Equatable {
    package var channel: String
    package var payload: String
}

/// One connection to PostgreSQL, with a thread of its own for libpq's blocking calls.
///
/// After a call has thrown a lost connection, all later calls throw it too. The owner then opens another connection.
package actor Connection {
    private let executor: ThreadExecutor
    private let settings: ConnectionSettings
    private let signal: EventSignal
    private var handle: ConnectionHandle?
    /// Names of the prepared statements, by text; nil behind a pooler that may change the server between two calls.
    private var prepared: [String: String]? = [:]

    nonisolated package var unownedExecutor: UnownedSerialExecutor {
        unsafe executor.asUnownedSerialExecutor()
    }

    private init(_ settings: ConnectionSettings) throws(DatabaseError) {
        do throws(HostError) {
            executor = try ThreadExecutor(name: "moed-db")
            signal = try EventSignal()
        } catch {
            throw DatabaseError(.insufficientResources, error.description)
        }
        self.settings = settings
    }

    /// Opens a connection with UTF-8, UTC and the settings' timeouts.
    ///
    /// - Throws: `DatabaseError` of code `connectionLost` (server unreachable), `authentication`,
    ///   `invalidConfiguration`, ...
    package static func connect(_ settings: ConnectionSettings) async throws(DatabaseError) -> Connection {
        let connection = try Connection(settings)
        try await connection.open()
        return connection
    }

    private func open() throws(DatabaseError) {
        handle = try ConnectionHandle(settings)
        try query(
            """
            SELECT set_config('TimeZone', 'UTC', false),
                   set_config('client_min_messages', 'error', false),
                   set_config('statement_timeout', \(String(settings.statementTimeout.milliseconds)), false),
                   set_config('lock_timeout', \(String(settings.lockTimeout.milliseconds)), false)
            """)
    }

    /// Closes the connection; later calls throw a lost connection.
    package func close() { handle = nil }

    /// Version number of the server, e.g. 150020 for PostgreSQL 15.20.
    package var serverVersion: Int { handle?.serverVersion ?? 0 }

    /// True behind a pooler, which gives its clients process ids of its own.
    package func isPooled() throws(DatabaseError) -> Bool {
        let result = try query("SELECT pg_backend_pid() AS pid")
        return try result.rows.first?.value("pid") != handle?.backendPID
    }

    /// Runs one statement.
    ///
    /// - Parameter timeout: the client's own limit; nil is the statement timeout plus the silence timeout.
    @discardableResult
    package func query(_ sql: SQL, timeout: Duration? = nil) throws(DatabaseError) -> QueryResult {
        try call(timeout) { (handle, deadline) throws(DatabaseError) in try handle.run(sql, until: deadline) }
    }

    /// Runs a frequent statement, which the server parses and plans once per connection. For a long statement that
    /// takes more time than running it.
    ///
    /// Behind a pooler in transaction mode the next call may reach another server, which does not know the statement.
    /// From then on all statements are sent whole. A name is derived from the text, so a name that the server already
    /// knows is the same statement.
    /// Not for use in a transaction.
    @discardableResult
    package func queryPrepared(_ sql: SQL) throws(DatabaseError) -> QueryResult {
        guard prepared != nil else { return try query(sql) }
        let text = sql.text
        do throws(DatabaseError) {
            return try call(nil) { (handle, deadline) throws(DatabaseError) in
                let known = prepared?[text]
                let name = known ?? "moed_" + String(Self.fingerprint(text), radix: 16)
                if known == nil {
                    do throws(DatabaseError) {
                        try handle.prepare(sql, as: name, until: deadline)
                    } catch {
                        guard error.sqlState == DatabaseError.duplicatePreparedStatement else { throw error }
                    }
                    prepared?[text] = name
                }
                return try handle.run(sql, prepared: name, until: deadline)
            }
        } catch {
            guard error.sqlState == DatabaseError.unknownPreparedStatement else { throw error }
            prepared = nil
            return try query(sql)
        }
    }

    /// Fingerprint of a text by FNV-1a (Fowler, Noll, Vo).
    private static func fingerprint(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// Runs a script of several statements. The script is the program's own text; no values are bound.
    @discardableResult
    package func run(script: String, timeout: Duration? = nil) throws(DatabaseError) -> QueryResult {
        try call(timeout) { (handle, deadline) throws(DatabaseError) in
            try handle.run(script: script, until: deadline)
        }
    }

    /// Runs `body` between BEGIN and COMMIT. An error causes a rollback and is thrown to the caller.
    ///
    /// `body` cannot suspend, so no other statement runs between its statements. When COMMIT loses the connection, the
    /// outcome is unknown.
    package func transaction<R: Sendable>(
        _ body: @Sendable (isolated Connection) throws -> R
    ) throws -> R {
        try query("BEGIN")
        let result: R
        do {
            result = try body(self)
            // PostgreSQL answers COMMIT of a failed transaction with a rollback and no error.
            if handle?.transactionFailed == true {
                throw DatabaseError(
                    .server, "a statement of the transaction failed and its error was ignored")
            }
        } catch {
            // When ROLLBACK fails, the connection is lost and the server rolls back by itself.
            do { try query("ROLLBACK") } catch { handle = nil }
            throw error
        }
        try query("COMMIT")
        return result
    }

    private func call<R>(
        _ timeout: Duration?,
        _ body: (borrowing ConnectionHandle, ContinuousClock.Instant) throws(DatabaseError) -> R
    ) throws(DatabaseError) -> R {
        let limit = timeout ?? settings.statementTimeout + settings.silenceTimeout
        do throws(DatabaseError) {
            guard handle != nil else { throw DatabaseError(.connectionLost, "the connection is closed") }
            return try body(handle!, ContinuousClock.now + limit)
        } catch {
            if error.isConnectionLost { handle = nil }
            throw error
        }
    }
}

extension Connection {
    /// Subscribes to a channel.
    package func listen(_ channel: String) throws(DatabaseError) {
        let name = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
        try run(script: "LISTEN \"\(name)\"")
    }

    /// Waits for the next notification; nil after `timeout`, a call of `wake()` or the task's cancellation.
    ///
    /// Other calls wait during this one, so a listener has a connection of its own.
    nonisolated package func notification(timeout: Duration) async throws(DatabaseError) -> Notification? {
        // The handler's closure cannot have typed errors.
        let outcome: Result<Notification?, DatabaseError> = await withTaskCancellationHandler {
            await self.wait(timeout)
        } onCancel: {
            self.wake()
        }
        return try outcome.get()
    }

    private func wait(_ timeout: Duration) -> Result<Notification?, DatabaseError> {
        guard !Task.isCancelled else { return .success(nil) }
        let signal = signal
        do throws(DatabaseError) {
            return .success(
                try call(timeout) { (handle, deadline) throws(DatabaseError) in
                    try handle.notification(until: deadline, or: signal)
                })
        } catch {
            return .failure(error)
        }
    }

    /// Ends a `notification` call that is waiting, or the next one.
    nonisolated package func wake() { signal.set() }
}
