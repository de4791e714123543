package import MoedCore
package import MoedHost
import Synchronization

/// Events for the database loop, which takes all of them in every round.
package final class Inbox: Sendable {
    package enum Event: Sendable {
        case runner(RunnerEvent)
        /// A job may have become claimable.
        case notified
        /// Verdicts of services about an answer by its number, for each choice.
        case judged(Int, [[ContentVerdict]])
        /// The settings were read again.
        case settings(WorkerSettings)
        /// The runner is to serve other models; the closure changes it.
        case models(@Sendable () -> Void)
    }

    private let events = Mutex<[Event]>([])
    /// Wakes the database loop. Every event signals it.
    package let wake = WakeSignal()

    package init() {}

    package func put(_ event: Event) {
        events.withLock { $0.append(event) }
        wake.signal()
    }

    package func takeAll() -> [Event] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
