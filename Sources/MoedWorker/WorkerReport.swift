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
        /// Succeeded jobs with a choice whose tokens ran out before its answer began.
        package var withoutAnswer = 0
        /// Jobs waiting in the database, as of the last poll.
        package var queued = 0
        /// More jobs may be queued than were counted.
        package var isQueuedAtLeast = false
        package var group: JobGroup?
        /// The status line, and generated tokens a second.
        package var status = ""
        package var tokensPerSecond = 0.0
        /// On the queue service's clock; nil while connected.
        package var databaseLostSince: Duration?
    }

    private let state = Mutex(State())

    package init() {}

    package func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    package var current: State { state.withLock { $0 } }
}
