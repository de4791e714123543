import UnixSignals

/// The user had enough of it.
package struct Interrupted: Error {}

/// Cancels work that leaves something behind when the user has had enough of it.
enum StopSignals {
    /// Runs `body`; SIGINT or SIGTERM cancels it and waits for it to put things in order.
    ///
    /// - Throws: what `body` throws, or `Interrupted`.
    static func watch<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
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
