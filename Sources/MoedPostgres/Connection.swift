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
    /// `SET LOCAL` statements of every transaction behind a pooler; nil where the settings are the session's.
    private var localSettings: String?
    private var isInTransaction = false

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
        let reported = handle?.backendPID ?? 0
        let (statement, lock) = (settings.statementTimeout.milliseconds, settings.lockTimeout.milliseconds)
        // A pooler gives its clients process ids of its own, and hands its sessions on with their settings. Behind one
        // the settings end with this statement.
        let result = try query(
            """
            SELECT pg_backend_pid() <> \(reported) AS pooled,
                   set_config('TimeZone', 'UTC', pg_backend_pid() <> \(reported)),
                   set_config('client_min_messages', 'error', pg_backend_pid() <> \(reported)),
                   set_config('statement_timeout', \(String(statement)), pg_backend_pid() <> \(reported)),
                   set_config('lock_timeout', \(String(lock)), pg_backend_pid() <> \(reported))
            """)
        guard try result.rows.first?.value("pooled") ?? false else { return }
        prepared = nil
        localSettings = """
            SET LOCAL TimeZone = 'UTC'; SET LOCAL client_min_messages = error; \
            SET LOCAL statement_timeout = \(statement); SET LOCAL lock_timeout = \(lock);
            """
    }

    /// Closes the connection; later calls throw a lost connection.
    package func close() { handle = nil }

    /// Version number of the server, e.g. 150020 for PostgreSQL 15.20.
    package var serverVersion: Int { handle?.serverVersion ?? 0 }

    /// True behind a pooler. Settings then last for a transaction, and no statement is prepared.
    package var isPooled: Bool { localSettings != nil }

    /// Runs a script of `SET` statements for the session; behind a pooler, at the beginning of every transaction.
    package func configure(_ settings: String) throws(DatabaseError) {
        guard let local = localSettings else {
            try run(script: settings)
            return
        }
        let statements = settings.split(separator: ";").map { $0.drop(while: \.isWhitespace) }
        let sets = statements.filter { $0.hasPrefix("SET ") }.map { "\nSET LOCAL \($0.dropFirst(4));" }
        localSettings = local + sets.joined()
    }

    /// Runs one statement.
    ///
    /// - Parameter timeout: the client's own limit; nil is the statement timeout plus the silence timeout.
    @discardableResult
    package func query(_ sql: SQL, timeout: Duration? = nil) throws(DatabaseError) -> QueryResult {
        try scoped { () throws(DatabaseError) in
            try call(timeout) { (handle, deadline) throws(DatabaseError) in
                try handle.run(sql, until: deadline)
            }
        }
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
        try scoped { () throws(DatabaseError) in try send(script, timeout) }
    }

    private func send(_ script: String, _ timeout: Duration? = nil) throws(DatabaseError) -> QueryResult {
        try call(timeout) { (handle, deadline) throws(DatabaseError) in
            try handle.run(script: script, until: deadline)
        }
    }

    /// Runs `body` in a transaction of its own behind a pooler, with the settings of this connection.
    private func scoped<R>(_ body: () throws(DatabaseError) -> R) throws(DatabaseError) -> R {
        guard localSettings != nil, !isInTransaction else { return try body() }
        try begin()
        defer { isInTransaction = false }
        let result: R
        do throws(DatabaseError) { result = try body() } catch {
            rollback()
            throw error
        }
        _ = try send("COMMIT")
        return result
    }

    private func begin() throws(DatabaseError) {
        _ = try send("BEGIN; \(localSettings ?? "")")
        isInTransaction = true
    }

    /// Rolls back. When that fails, the connection is lost and the server rolls back by itself.
    private func rollback() {
        do throws(DatabaseError) { _ = try send("ROLLBACK") } catch { handle = nil }
    }

    /// Runs `body` between BEGIN and COMMIT. An error causes a rollback and is thrown to the caller.
    ///
    /// `body` cannot suspend, so no other statement runs between its statements. When COMMIT loses the connection, the
    /// outcome is unknown.
    package func transaction<R: Sendable>(
        _ body: @Sendable (isolated Connection) throws -> R
    ) throws -> R {
        try begin()
        defer { isInTransaction = false }
        let result: R
        do {
            result = try body(self)
            // PostgreSQL answers COMMIT of a failed transaction with a rollback and no error.
            if handle?.transactionFailed == true {
                throw DatabaseError(
                    .server, "a statement of the transaction failed and its error was ignored")
            }
        } catch {
            rollback()
            throw error
        }
        _ = try send("COMMIT")
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
