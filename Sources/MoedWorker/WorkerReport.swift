package import MoedCore
import Synchronization

/// Figures of a worker for its status line, its metrics and its row in `moed.worker`.
package final class WorkerReport: Sendable {
    package enum Phase: Equatable {
        case loading(percent: Int)
        case running
        case stopping
    }

    package struct State: Equatable {
        package var phase = Phase.loading(percent: 0)
        package var succeeded = 0
        package var failed = 0
        /// Number of succeeded jobs with a choice whose tokens ran out before its answer began.
        package var withoutAnswer = 0
        /// Number of jobs waiting in the database at the last poll.
        package var queued = 0
        /// True when more jobs may be queued than were counted.
        package var isQueuedAtLeast = false
        package var jobClass: JobClass?
        /// Text of the status line.
        package var status = ""
        /// Number of generated tokens per second.
        package var tokensPerSecond = 0.0
        /// Present outage of the database; nil while its statements succeed.
        package var outage: DatabaseOutage?
        /// Remark for the status line about a part that does not work; nil when all do.
        package var remark: String?
    }

    private let state = Mutex(State())

    package init() {}

    package func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    package var current: State { state.withLock { $0 } }
}
