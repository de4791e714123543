package import Logging
import MoedCore
import MoedHost
package import MoedQueue

/// Registers a worker, renews its lease, and releases jobs whose claim lost its answer.
package final class LeaseKeeper {
    private static let reconcileEvery = Duration.seconds(30)

    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    /// Start of the last confirmed renewal request. The worker counts its lease from this time.
    private var renewedAt = Duration.zero
    private var nextReconciliation = Duration.zero
    private var wasIdle = false

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
    }

    /// True when the runner has free capacity. The worker then wants to be notified of new jobs.
    private var isIdle: Bool { state.runner.room > 0 }

    /// True when the idle state in the database differs from the runner's.
    package var hasChanged: Bool { isIdle != wasIdle }

    /// True when three quarters of the lease are over. The renewal then precedes all other writes.
    package var isUrgent: Bool { state.now - renewedAt >= state.settings.lease * 3 / 4 }

    /// Schedules a comparison of leases after a new connection.
    package func connected() { nextReconciliation = state.now }

    package func register(_ store: any WorkerStore) async throws(QueueError) {
        guard state.worker == nil else { return }
        let asked = state.now
        state.worker = try await store.registerWorker(
            WorkerRegistration(
                host: Host.name, pid: Host.processID, version: Version.text, models: state.runner.models,
                lease: state.settings.lease))
        renewedAt = asked
        _ = try await store.rescue()
    }

    package func unregister(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker else { return }
        try await store.unregister(worker)
        state.worker = nil
    }

    /// Renews the lease.
    ///
    /// A worker that was declared dead stops its jobs and registers again. Finished results are still written: the
    /// lease tokens decide whether the database accepts them.
    ///
    /// - Returns: true when the worker became idle: it was not notified of jobs enqueued before.
    package func beat(_ store: any WorkerStore) async throws(QueueError) -> Bool {
        guard let worker = state.worker else { return false }
        let becameIdle = isIdle && !wasIdle
        wasIdle = isIdle
        let asked = state.now
        let current = report.current
        let beat = WorkerBeat(
            lease: state.settings.lease, idle: isIdle, running: state.jobs.count,
            tokensPerSecond: current.tokensPerSecond, status: current.status)
        if try await store.beat(worker, beat) {
            renewedAt = asked
        } else {
            log.warning(
                "this worker was declared dead: its \(state.jobs.count) jobs are others' now; registering again")
            state.runner.stop(state.jobs.takeLeases().map(\.job))
            state.worker = nil
            try await register(store)
        }
        return becameIdle
    }

    /// Releases jobs that the database assigns to this worker and that this worker does not know.
    ///
    /// The answer to their claim or release was lost with the connection. No other worker rescues them while this
    /// worker's lease lasts.
    package func releaseUnknown(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker, state.now >= nextReconciliation else { return }
        let owned = state.jobs.owned
        let unknown = try await store.leases(of: worker).filter { !owned.contains($0) }
        if !unknown.isEmpty {
            log.notice("released \(unknown.count) jobs whose claim was answered by nobody")
            _ = try await store.release(unknown.map { JobRelease(lease: $0) })
        }
        nextReconciliation = state.now + Self.reconcileEvery
    }
}
