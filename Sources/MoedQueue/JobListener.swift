import MoedPostgres

/// Waits for work, over a connection of its own.
///
/// A hint only: whoever uses it polls as well, because a notification may be lost (a pooler in transaction mode, a job
/// committed while the worker became idle).
package struct JobListener: Sendable {
    /// A notification is asked for with a round trip after this long a silence: TCP alone may not notice that the
    /// other side is gone.
    private static let silenceMax = Duration.seconds(10)

    private let connection: Connection
    /// Whether a pooler stands in between: if it pools transactions, nothing will be heard.
    package let isPooled: Bool

    package static func connect(conninfo: String, applicationName: String = "moed listen")
        async throws(QueueError)
        -> JobListener
    {
        let settings = ConnectionSettings(conninfo: conninfo, applicationName: applicationName)
        return try await queueing { () async throws(DatabaseError) in
            let connection = try await Connection.connect(settings)
            try await connection.listen("moed_wake")
            return JobListener(connection: connection, isPooled: try await connection.isPooled())
        }
    }

    package func close() async { await connection.close() }

    /// Waits until jobs were enqueued; false after `timeout`, `wake()` or the task's cancellation.
    package func next(timeout: Duration) async throws(QueueError) -> Bool {
        try await queueing { () async throws(DatabaseError) in
            var left = timeout
            while left > .zero {
                let piece = min(left, Self.silenceMax)
                let start = ContinuousClock.now
                if try await connection.notification(timeout: piece) != nil { return true }
                let passed = ContinuousClock.now - start
                // Woken or cancelled.
                if passed < piece { return false }
                left -= passed
                try await connection.query("SELECT 1", timeout: .seconds(5))
            }
            return false
        }
    }

    /// Ends a waiting `next`.
    package func wake() { connection.wake() }
}
