import Synchronization

/// Wakes one waiting task. A signal without a waiting task stays pending; several pending signals count as one.
package final class WakeSignal: Sendable {
    private struct State {
        var isPending = false
        var waiter: CheckedContinuation<Void, Never>?
    }
    private let state = Mutex(State())

    package init() {}

    package func signal() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state.waiter = nil }
            state.isPending = state.waiter == nil
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when signalled, when `timeout` has passed or when the task is cancelled, whichever is first.
    package func wait(atMost timeout: Duration) async {
        // The end of this scope cancels the timer.
        async let _ = expire(after: timeout)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isPending = state.withLock { state in
                    if !state.isPending { state.waiter = continuation }
                    defer { state.isPending = false }
                    return state.isPending
                }
                if isPending { continuation.resume() }
            }
        } onCancel: {
            signal()
        }
    }

    private func expire(after timeout: Duration) async {
        // A cancelled timer means that the signal came first.
        guard (try? await Task.sleep(for: timeout)) != nil else { return }
        signal()
    }
}
