import UnixSignals

/// SIGINT or SIGTERM ended the command.
package struct Interrupted: Error {}

/// Cancels work on SIGINT or SIGTERM and lets it clean up.
package enum StopSignals {
    /// Runs `body`. SIGINT or SIGTERM cancels it and waits for its cleanup.
    ///
    /// - Throws: the error of `body`, or `Interrupted`.
    package static func watch<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in signals { throw Interrupted() }
                return nil
            }
            defer { group.cancelAll() }
            guard case let result?? = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}
