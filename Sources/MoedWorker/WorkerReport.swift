package import MoedCore
package import MoedQueue
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
        /// Number of succeeded jobs with a choice whose answer is empty.
        package var withoutAnswer = 0
        /// Number of succeeded jobs with a choice that `max_tokens` or the end of the context ended.
        package var truncated = 0
        /// Number of jobs waiting in the database at the last poll.
        package var queued = 0
        /// True when more jobs may be queued than were counted.
        package var isQueuedAtLeast = false
        /// Last count of all queued jobs; nil before the first.
        package var census: QueueCensus?
        /// Jobs left at the end of a drain; nil before, and when the database was away.
        package var leftover: Leftover?
        /// First signal that asked the daemon to stop.
        package var stopSignal: Int32?
        package var jobClass: JobClass?
        /// Text of the status line.
        package var status = ""
        /// Number of generated tokens per second.
        package var tokensPerSecond = 0.0
        /// Present outage of the database; nil while its statements succeed.
        package var outage: DatabaseOutage?
        /// Remark for the status line about a part that does not work; nil when all do.
        package var remark: String?
        /// Sentences about loops of the daemon that make no progress.
        package var stuck: [String] = []
        /// Time at which the oldest unwritten result has waited for a whole lease; nil when all are written.
        package var resultsOverdueAt: ContinuousClock.Instant?
        /// Figures of the jobs of this process.
        package var figures = JobFigures()
        /// Number of failures of maintenance, by step.
        package var maintenanceFailures: [String: Int] = [:]

        /// Exit code of a drain: 0; 3 when jobs are left that the worker serves; 128 + the signal that ended it early.
        package var drainExitCode: Int32 {
            if phase == .stopping { return 128 + (stopSignal ?? 15) }
            return leftover?.isNothing == false ? 3 : 0
        }

        /// Number of queued jobs. The last poll counts jobs that may start, up to a limit; the census counts all.
        package var queuedInAll: Int {
            guard let census else { return queued }
            return isQueuedAtLeast ? max(queued, census.total) : queued + census.held
        }
    }

    private let state = Mutex(State())

    package init() {}

    package func update(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    package var current: State { state.withLock { $0 } }

    /// Runs a statement and records its time.
    func timed<R, E: Error>(_ statement: String, _ body: () async throws(E) -> R) async throws(E) -> R {
        let start = ContinuousClock.now
        let result = try await body()
        update { $0.figures.timed(statement, ContinuousClock.now - start) }
        return result
    }
}
