package import MoedPostgres

/// Connections to the database that many tasks share. Each is used by one task at a time.
///
/// Connections are opened when they are needed, and a lost one is replaced at the next call.
package actor ConnectionPool {
    /// No connection became free: too many tasks wait already.
    package struct Full: Error {}

    private let settings: ConnectionSettings
    private let size: Int
    private let waitingMax: Int
    private var idle: [Connection] = []
    private var open = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []

    package init(_ settings: ConnectionSettings, size: Int, waitingMax: Int) {
        self.settings = settings
        self.size = size
        self.waitingMax = waitingMax
    }

    /// Runs `body` with a connection of its own.
    package func run<R: Sendable>(
        _ body: @Sendable (Connection) async throws -> R
    ) async throws -> R {
        let connection = try await take()
        do {
            let result = try await body(connection)
            give(connection)
            return result
        } catch {
            if (error as? DatabaseError)?.isConnectionLost == true {
                await connection.close()
                lose()
            } else {
                give(connection)
            }
            throw error
        }
    }

    private func take() async throws -> Connection {
        while true {
            if let connection = idle.popLast() { return connection }
            if open < size {
                open += 1
                do { return try await Self.connect(settings) } catch {
                    lose()
                    throw error
                }
            }
            guard waiting.count < waitingMax else { throw Full() }
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    /// A connection whose statements are never compiled: for a wrong estimate that takes longer than the statement.
    static func connect(_ settings: ConnectionSettings) async throws(DatabaseError) -> Connection {
        let connection = try await Connection.connect(settings)
        try await connection.configure("SET jit = off")
        return connection
    }

    private func give(_ connection: Connection) {
        idle.append(connection)
        wakeOne()
    }

    private func lose() {
        open -= 1
        // Connections that have been idle are likely lost for the same reason.
        let stale = idle
        idle = []
        open -= stale.count
        Task { for connection in stale { await connection.close() } }
        wakeOne()
    }

    private func wakeOne() {
        if !waiting.isEmpty { waiting.removeFirst().resume() }
    }
}
