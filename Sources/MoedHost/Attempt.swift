import Synchronization

/// Work that may take long and cannot be interrupted, such as connecting to a silent host. Its starter looks after it
/// now and then, and may leave it: it then ends by itself, and its result is dropped.
package final class Attempt<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let ended = WakeSignal()

    /// Starts the work in a task of its own.
    package init(_ body: @escaping @Sendable () async throws -> Value) {
        Task.detached { [self] in
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            ended.signal()
        }
    }

    /// Waits for the end of the work.
    ///
    /// - Parameters:
    ///   - interval: time between two calls of `goesOn`.
    ///   - goesOn: returns false to leave the work.
    /// - Returns: nil when the work was left.
    package func value(every interval: Duration, while goesOn: () -> Bool) async throws -> Value? {
        while goesOn() {
            if let outcome = outcome.withLock({ $0 }) { return try outcome.get() }
            await ended.wait(atMost: interval)
        }
        return nil
    }

    /// Runs work that a cancelled task leaves.
    ///
    /// - Throws: the error of the work, or `CancellationError`.
    package static func cancellable(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let value = try await Attempt(body).value(every: .seconds(1)) { !Task.isCancelled }
        guard let value else { throw CancellationError() }
        return value
    }
}
