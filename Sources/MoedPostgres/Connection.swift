import MoedHost

/// Rows of a statement, and how many it touched.
package struct QueryResult: Sendable {
    package var rows: [Row]
    package var affected: Int
}

/// What `NOTIFY` sent.
package struct Notification: Sendable, Equatable {
    package var channel: String
    package var payload: String
}

/// One connection to PostgreSQL, with a thread of its own for libpq's blocking calls.
///
/// Once a call has thrown a lost connection, all later ones do: the owner opens another one.
package actor Connection {
    private let executor: ThreadExecutor
    private let settings: ConnectionSettings
    private let signal: EventSignal
    private var handle: ConnectionHandle?
    /// Names, by text, of the statements that the server keeps a plan of; nil when a pooler is between us and one
    /// server.
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
    /// - Throws: `DatabaseError` of code `connectionLost` (server away), `authentication`, `invalidConfiguration`, ...
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

    /// Closes it; calls that come later throw a lost connection.
    package func close() { handle = nil }

    /// E.g. 150020 for PostgreSQL 15.20.
    package var serverVersion: Int { handle?.serverVersion ?? 0 }

    /// Whether something stands between us and the server: a pooler gives numbers of its own to its clients.
    package func isPooled() throws(DatabaseError) -> Bool {
        let result = try query("SELECT pg_backend_pid() AS pid")
        return try result.rows.first?.value("pid") != handle?.backendPID
    }

    /// Runs one statement.
    ///
    /// - Parameter timeout: the client's own limit; nil is the statement timeout and some seconds for the network.
    @discardableResult
    package func query(_ sql: SQL, timeout: Duration? = nil) throws(DatabaseError) -> QueryResult {
        try call(timeout) { (handle, deadline) throws(DatabaseError) in try handle.run(sql, until: deadline) }
    }

    /// Runs a statement that comes again and again: parsed and planned once a connection, which for a long one takes
    /// more time than running it.
    ///
    /// Behind a pooler in transaction mode the next call may meet another server, which does not know the statement:
    /// then it is sent whole, from then on. Names follow from the text, so one that is known already is the same.
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

    /// FNV-1a (Fowler, Noll, Vo).
    private static func fingerprint(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// Runs a script of several statements, which is text of the program's own: nothing is bound.
    @discardableResult
    package func run(script: String, timeout: Duration? = nil) throws(DatabaseError) -> QueryResult {
        try call(timeout) { (handle, deadline) throws(DatabaseError) in
            try handle.run(script: script, until: deadline)
        }
    }

    /// Runs `body` between BEGIN and COMMIT; an error rolls back and is thrown on.
    ///
    /// `body` cannot suspend, so no other statement comes between its own. When COMMIT itself loses the connection, it
    /// is unknown whether it happened.
    package func transaction<R: Sendable>(
        _ body: @Sendable (isolated Connection) throws -> R
    ) throws -> R {
        try query("BEGIN")
        let result: R
        do {
            result = try body(self)
            // COMMIT would answer such a transaction with a rollback and no error.
            if handle?.transactionFailed == true {
                throw DatabaseError(
                    .server, "a statement of the transaction failed and its error was ignored")
            }
        } catch {
            // A rollback that fails has lost the connection, and the server rolls back by itself.
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

    /// The next notification; nil after `timeout`, a call of `wake()` or the task's cancellation.
    ///
    /// The connection's other calls wait meanwhile: a listener has a connection of its own.
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
