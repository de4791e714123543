import Logging
import MoedHost
import MoedQueue

/// Renews a worker's lease on a connection of its own, whatever the other connection waits for.
struct LeaseTask: Sendable {
    /// Pause after a renewal that met a lock.
    private static let pauseWhenHeldUp = Duration.milliseconds(200)

    let lease: WorkerLease
    let interval: Duration
    let connect: @Sendable () async throws -> any LeaseStore
    let inbox: Inbox
    let log: Logger

    /// Runs until the task is cancelled.
    func run() async {
        var store: (any LeaseStore)?
        var backoff = Backoff()
        while !Task.isCancelled {
            guard lease.isHeld else {
                await lease.wake.wait(atMost: interval)
                continue
            }
            do {
                let connected = if let store { store } else { try await Attempt.cancellable(connect) }
                store = connected
                note(try await lease.renew(connected))
                backoff.reset()
                await lease.wake.wait(atMost: interval)
            } catch {
                // A signal does not shorten these pauses, and the end of the task does.
                if (error as? QueueError)?.isHeldUp == true {
                    try? await Task.sleep(for: Self.pauseWhenHeldUp)
                    continue
                }
                log.debug("lease: \(error)")
                await store?.close()
                store = nil
                try? await Task.sleep(for: min(backoff.next(), interval))
            }
        }
        await store?.close()
    }

    private func note(_ renewal: WorkerLease.Renewal) {
        switch renewal {
        case .renewed(becameIdle: true): inbox.put(.notified)
        case .lost: inbox.wake.signal()
        case .none, .renewed: break
        }
    }
}
