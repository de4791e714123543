import MoedCore
import Synchronization

/// What the daemon's parts tell about themselves, for the status line and the progress line.
final class DaemonReport: Sendable {
    enum Phase: Equatable {
        case loading(percent: Int)
        case running
        case stopping
    }

    struct State: Equatable {
        var phase = Phase.loading(percent: 0)
        var succeeded = 0
        var failed = 0
        /// Jobs waiting in the database, as of the last look.
        var queued = 0
        /// Whether more may be queued than were counted.
        var isQueuedAtLeast = false
        var group: JobGroup?
        /// On the queue service's clock; nil while connected.
        var databaseLostSince: Duration?
    }

    private let state = Mutex(State())

    func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    var current: State { state.withLock { $0 } }
}
