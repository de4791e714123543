package import MoedCore
import MoedHost
package import MoedQueue
import Synchronization

/// The lease of a worker as two tasks see it: one renews it, the other one claims and writes.
package final class WorkerLease: Sendable {
    private struct State {
        var worker: WorkerID?
        /// Start of the last confirmed renewal request. The worker counts its lease from this time.
        var renewedAt = Duration.zero
        var wasIdle = false
        var running = 0
        var firstToken: Int64?
        /// A worker that was declared dead, until `takeLoss`.
        var lost: WorkerID?
    }

    /// Result of a renewal.
    package enum Renewal: Equatable {
        /// No worker is registered.
        case none
        /// - Parameter becameIdle: the worker was not notified of jobs enqueued before.
        case renewed(becameIdle: Bool)
        /// The worker was declared dead.
        case lost
    }

    /// Signalled when the renewal is due early.
    let wake = WakeSignal()
    private let state = Mutex(State())
    private let length: Duration
    private let runner: any JobRunner
    private let report: WorkerReport
    private let clock: @Sendable () -> Duration

    package init(
        length: Duration, runner: any JobRunner, report: WorkerReport, clock: @escaping @Sendable () -> Duration
    ) {
        self.length = length
        self.runner = runner
        self.report = report
        self.clock = clock
    }

    /// True when the runner has free capacity. The worker then wants to be notified of new jobs.
    private var isIdle: Bool { runner.room > 0 }

    package var isHeld: Bool { state.withLock { $0.worker != nil } }

    /// True when the idle state in the database differs from the runner's.
    package var hasChanged: Bool { state.withLock { $0.worker != nil && $0.wasIdle != isIdle } }

    /// True when three quarters of the lease are over without a confirmed renewal.
    package var isUrgent: Bool {
        state.withLock { $0.worker != nil && clock() - $0.renewedAt >= length * 3 / 4 }
    }

    /// Records a registration. The idle state is unknown to the database, so the renewal is due.
    package func registered(_ worker: WorkerID, at time: Duration) {
        state.withLock { $0 = State(worker: worker, renewedAt: time) }
        wake.signal()
    }

    package func ended() { state.withLock { $0.worker = nil } }

    /// Hands figures of the claiming task to the next renewal.
    package func note(running: Int) { state.withLock { $0.running = running } }
    package func note(firstToken: Int64) { state.withLock { $0.firstToken = firstToken } }

    /// True once after the worker was declared dead.
    package func takeLoss() -> Bool {
        state.withLock { state in
            defer { state.lost = nil }
            return state.lost != nil
        }
    }

    /// Renews the lease with the current figures.
    package func renew(_ store: any LeaseStore) async throws(QueueError) -> Renewal {
        let (asked, idle, current) = (clock(), isIdle, report.current)
        let (worker, beat) = state.withLock { state in
            (
                state.worker,
                WorkerBeat(
                    lease: length, idle: idle, running: state.running, tokensPerSecond: current.tokensPerSecond,
                    status: current.status, firstToken: state.firstToken)
            )
        }
        guard let worker else { return .none }
        let isRenewed = try await store.beat(worker, beat)
        return state.withLock { state in
            guard state.worker == worker else { return .none }
            guard isRenewed else {
                (state.worker, state.lost) = (nil, worker)
                return .lost
            }
            defer { state.wasIdle = idle }
            state.renewedAt = max(state.renewedAt, asked)
            return .renewed(becameIdle: idle && !state.wasIdle)
        }
    }
}
