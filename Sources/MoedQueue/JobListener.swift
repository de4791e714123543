import MoedPostgres

/// Waits for notifications of new jobs, over a connection of its own.
///
/// A notification is only a hint, and workers poll as well. A pooler in transaction mode loses notifications. So does a
/// commit while the worker becomes idle.
package struct JobListener: Sendable {
    /// Maximum silence before a round trip checks the connection: TCP alone may not detect that the server is gone.
    private static let silenceMax = Duration.seconds(10)

    private let connection: Connection
    /// True behind a pooler. Nothing is listened to there: a LISTEN would stay with a session of other clients.
    package let isPooled: Bool

    package static func connect(conninfo: String, applicationName: String = "moed listen")
        async throws(QueueError)
        -> JobListener
    {
        let settings = ConnectionSettings(conninfo: conninfo, applicationName: applicationName)
        return try await queueing { () async throws(DatabaseError) in
            let connection = try await Connection.connect(settings)
            let isPooled = await connection.isPooled
            if !isPooled { try await connection.listen("moed_wake") }
            return JobListener(connection: connection, isPooled: isPooled)
        }
    }

    package func close() async { await connection.close() }

    /// Waits until jobs are enqueued; false after `timeout`, `wake()` or the task's cancellation.
    package func next(timeout: Duration) async throws(QueueError) -> Bool {
        try await queueing { () async throws(DatabaseError) in
            var left = timeout
            while left > .zero {
                let piece = min(left, Self.silenceMax)
                let start = ContinuousClock.now
                if try await connection.notification(timeout: piece) != nil { return true }
                let passed = ContinuousClock.now - start
                // The wait was woken or cancelled.
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
