import CLibPQ
import Glibc
import MoedHost

/// Owner of one `PGconn`, used in non-blocking mode: every wait is a poll with a deadline.
@safe
struct ConnectionHandle: ~Copyable {
    private let pg: OpaquePointer

    /// Connects; blocks for at most the connect timeout per host.
    init(_ settings: ConnectionSettings) throws(DatabaseError) {
        try Self.checkConninfo(settings.conninfo)
        // A later keyword wins over an earlier one, and the string in `dbname` is expanded in its place.
        let pairs =
            settings.defaults + [
                ("dbname", settings.conninfo), ("fallback_application_name", settings.applicationName),
                ("client_encoding", "UTF8"),
            ]
        let connection = unsafe withCStringArray(pairs.map(\.0)) { keywords in
            unsafe withCStringArray(pairs.map(\.1)) { values in unsafe PQconnectdbParams(keywords, values, 1)
            }
        }
        guard let pg = unsafe connection else { throw DatabaseError(.insufficientResources, "out of memory") }
        guard unsafe PQstatus(pg) == CONNECTION_OK else {
            defer { unsafe PQfinish(pg) }
            throw unsafe Self.connectError(pg)
        }
        guard unsafe PQsetnonblocking(pg, 1) == 0 else {
            defer { unsafe PQfinish(pg) }
            throw unsafe Self.connectError(pg)
        }
        // Notices would otherwise be written to standard error.
        _ = unsafe PQsetNoticeProcessor(pg, { _, _ in }, nil)
        unsafe self.pg = pg
    }

    deinit { unsafe PQfinish(pg) }

    /// Version number of the server, e.g. 150020 for 15.20.
    var serverVersion: Int { unsafe Int(PQserverVersion(pg)) }

    /// Process id of the server process, as reported when the connection was made.
    var backendPID: Int { unsafe Int(PQbackendPID(pg)) }

    /// True when a statement of the open transaction has failed.
    var transactionFailed: Bool { unsafe PQtransactionStatus(pg) == PQTRANS_INERROR }

    var socket: Int32 { unsafe PQsocket(pg) }

    /// Sends a statement with its binds and returns its result.
    ///
    /// - Parameter name: name of a prepared statement with the same text; nil sends the text.
    func run(
        _ sql: SQL, prepared name: String? = nil, until deadline: ContinuousClock.Instant
    ) throws(DatabaseError) -> QueryResult {
        for (index, bind) in sql.binds.enumerated() where bind.text?.utf8.contains(0) == true {
            throw DatabaseError(.invalidValue, "parameter $\(index + 1) contains a NUL character")
        }
        guard sql.binds.count <= Int(UInt16.max) else {
            throw DatabaseError(.invalidValue, "a statement takes at most \(UInt16.max) parameters")
        }
        let (types, count) = (sql.binds.map(\.type), Int32(sql.binds.count))
        let sent = unsafe withCStringArray(sql.binds.map(\.text)) { values in
            if let name {
                return unsafe PQsendQueryPrepared(pg, name, count, values, nil, nil, 0)
            }
            return unsafe PQsendQueryParams(pg, sql.text, count, types, values, nil, nil, 0)
        }
        guard sent == 1 else { throw lost() }
        return try collect(until: deadline)
    }

    /// Prepares a statement: the server parses it once and keeps its plan.
    func prepare(_ sql: SQL, as name: String, until deadline: ContinuousClock.Instant) throws(DatabaseError) {
        let types = sql.binds.map(\.type)
        guard unsafe PQsendPrepare(pg, name, sql.text, Int32(types.count), types) == 1 else { throw lost() }
        _ = try collect(until: deadline)
    }

    /// Sends a script of several statements without binds and returns the result of the last one.
    func run(script: String, until deadline: ContinuousClock.Instant) throws(DatabaseError) -> QueryResult {
        guard !script.utf8.contains(0) else {
            throw DatabaseError(.invalidValue, "the script contains a NUL character")
        }
        guard unsafe PQsendQuery(pg, script) == 1 else { throw lost() }
        return try collect(until: deadline)
    }

    private func collect(until deadline: ContinuousClock.Instant) throws(DatabaseError) -> QueryResult {
        try flush(until: deadline)
        var last = QueryResult(rows: [], affected: 0)
        var failure: DatabaseError?
        while true {
            while unsafe PQisBusy(pg) != 0 {
                try waitForSocket(Int16(POLLIN), until: deadline)
                guard unsafe PQconsumeInput(pg) == 1 else { throw lost() }
            }
            guard let pointer = unsafe PQgetResult(pg) else { break }
            let result = unsafe ResultHandle(pointer)
            switch result.status {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
                last = QueryResult(rows: result.rows, affected: result.affected)
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                // COPY is not supported, and an open COPY makes the connection unusable: it is declared lost.
                throw DatabaseError(.connectionLost, "COPY is not supported")
            default: failure = failure ?? result.error
            }
        }
        if let failure { throw unsafe PQstatus(pg) == CONNECTION_OK ? failure : lost(failure) }
        return last
    }

    private func flush(until deadline: ContinuousClock.Instant) throws(DatabaseError) {
        while true {
            switch unsafe PQflush(pg) {
            case 0: return
            case 1:
                // The server may be sending too, and may stop reading until the client has received its data.
                let ready = try waitForSocket(Int16(POLLIN) | Int16(POLLOUT), until: deadline)
                if ready & Int16(POLLIN) != 0, unsafe PQconsumeInput(pg) != 1 { throw lost() }
            default: throw lost()
            }
        }
    }

    @discardableResult
    private func waitForSocket(_ events: Int16, until deadline: ContinuousClock.Instant) throws(DatabaseError)
        -> Int16
    {
        var entry = pollfd(fd: socket, events: events, revents: 0)
        while true {
            let left = (deadline - ContinuousClock.now).milliseconds
            guard left > 0 else { throw DatabaseError(.connectionLost, "the server has fallen silent") }
            let count = unsafe poll(&entry, 1, Int32(clamping: left))
            if count > 0 { return entry.revents }
            guard count == 0 || errno == EINTR else {
                throw DatabaseError(.connectionLost, "poll: errno \(errno)")
            }
        }
    }

    /// Waits for a notification; nil when the deadline is reached or `signal` was set.
    func notification(
        until deadline: ContinuousClock.Instant, or signal: EventSignal
    ) throws(DatabaseError) -> Notification? {
        while true {
            if let pointer = unsafe PQnotifies(pg) {
                defer { unsafe PQfreemem(pointer) }
                return unsafe Notification(
                    channel: String(cString: pointer.pointee.relname),
                    payload: String(cString: pointer.pointee.extra))
            }
            if signal.clear() { return nil }
            let left = (deadline - ContinuousClock.now).milliseconds
            guard left > 0 else { return nil }
            var entries = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signal.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let count = unsafe poll(&entries, 2, Int32(clamping: left))
            guard count >= 0 || errno == EINTR else {
                throw DatabaseError(.connectionLost, "poll: errno \(errno)")
            }
            if count > 0, entries[0].revents != 0, unsafe PQconsumeInput(pg) != 1 { throw lost() }
        }
    }

    private func lost(_ reason: DatabaseError? = nil) -> DatabaseError {
        let message = reason?.message ?? (unsafe Self.text(PQerrorMessage(pg)))
        return DatabaseError(
            .connectionLost, sqlState: reason?.sqlState, message.isEmpty ? "the connection was lost" : message
        )
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String {
        guard let pointer = unsafe pointer else { return "" }
        let text = unsafe String(cString: pointer)
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

extension ConnectionHandle {
    /// Checks the syntax of a connection string. libpq's message quotes pieces of the string; they are removed, because
    /// one may be the password.
    private static func checkConninfo(_ conninfo: String) throws(DatabaseError) {
        guard !conninfo.utf8.contains(0) else {
            throw DatabaseError(.invalidConfiguration, "the connection string contains a NUL character")
        }
        var message: UnsafeMutablePointer<CChar>?
        if let options = unsafe PQconninfoParse(conninfo, &message) {
            unsafe PQconninfoFree(options)
            return
        }
        defer { unsafe PQfreemem(message) }
        throw DatabaseError(
            .invalidConfiguration,
            "the connection string must be key=value pairs (host=/run/postgresql dbname=work) or a URI "
                + "(postgresql://user@host:5432/work): "
                + DatabaseError.withoutQuoted(unsafe text(message)))
    }

    /// Error of a failed connection attempt. libpq gives no SQLSTATE for it, so the English message determines the
    /// code. Any other message means an unreachable server, which is retried.
    private static func connectError(_ pg: OpaquePointer) -> DatabaseError {
        var message = unsafe text(PQerrorMessage(pg))
        if let password = unsafe PQpass(pg), unsafe password.pointee != 0 {
            message = replacing(message, unsafe String(cString: password), by: "***")
        }
        if unsafe PQconnectionNeedsPassword(pg) == 1 || contains(message, "authentication failed")
            || contains(message, "no pg_hba.conf entry")
        {
            return DatabaseError(.authentication, message)
        }
        if contains(message, "could not translate host name"), unsafe hostHasAt(pg) {
            return DatabaseError(
                .invalidConfiguration, "the host name has an @: one in a password of a URI is written %40")
        }
        if contains(message, "definition of service") { return DatabaseError(.invalidConfiguration, message) }
        if contains(message, "does not exist") && contains(message, "FATAL:") {
            return DatabaseError(.invalidConfiguration, message)
        }
        if contains(message, "invalid ") {
            // The value may be a piece of a password (`//user:pass/word@host` has the port "pass"). The option's name
            // at the end cannot be one.
            let parts = message.split(separator: " for connection option ", maxSplits: 1)
            let option = parts.count == 2 ? " for connection option \(parts[1])" : ""
            return DatabaseError(
                .invalidConfiguration, DatabaseError.withoutQuoted(String(parts[0])) + option)
        }
        return DatabaseError(.connectionLost, message)
    }

    /// True when the host name contains an @: it is then probably the rest of a password.
    private static func hostHasAt(_ pg: OpaquePointer) -> Bool {
        unsafe text(PQhost(pg)).utf8.contains(UInt8(ascii: "@"))
    }

    private static func contains(_ text: String, _ part: String) -> Bool { text.contains(part) }

    private static func replacing(_ text: String, _ part: String, by replacement: String) -> String {
        text.split(separator: part, omittingEmptySubsequences: false).joined(separator: replacement)
    }
}
