import MoedBatching
import MoedCore
import MoedHost
import Synchronization

/// What other threads tell the database loop. It empties the box at every round.
final class Inbox: Sendable {
    enum Event: Sendable {
        /// The job's tokens are on their way to the engine.
        case prepared(JobID)
        /// The request cannot be run.
        case refused(JobID, RequestError)
        case ended(GenerationLoop.Outcome)
        /// New tokens of jobs that go on.
        case progressed([OutputPiece])
        /// What jobs that were to be stopped had generated in vain.
        case stopped([JobID: Usage])
        /// A job may have become claimable.
        case notified
    }

    private let events = Mutex<[Event]>([])
    let wake = WakeSignal()

    func put(_ new: [Event]) {
        events.withLock { $0 += new }
        wake.signal()
    }

    func takeAll() -> [Event] {
        events.withLock { events in
            defer { events = [] }
            return events
        }
    }
}
