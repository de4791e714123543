package import Logging
import MoedCore
import MoedHost
package import MoedQueue

/// Registers a worker, renews its lease, and gives back jobs whose claim was answered by nobody.
package final class LeaseKeeper {
    private static let reconcileEvery = Duration.seconds(30)

    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    /// When the last confirmed renewal was asked for: the lease counts from there at most.
    private var renewedAt = Duration.zero
    private var nextReconciliation = Duration.zero
    private var wasIdle = false

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
    }

    /// A worker with room wants to be notified of new jobs.
    private var isIdle: Bool { state.runner.room > 0 }

    /// The database shows another state than the runner's.
    package var hasChanged: Bool { isIdle != wasIdle }

    /// Three quarters of the lease are over: it is renewed before anything else is written.
    package var isUrgent: Bool { state.now - renewedAt >= state.settings.lease * 3 / 4 }

    /// A new connection asks for a comparison of leases.
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
    /// A worker that was declared dead stops its jobs and registers anew. Finished results are still written: the
    /// lease tokens decide.
    ///
    /// - Returns: true when the worker became idle: jobs enqueued before were not notified.
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

    /// Releases jobs that the database shows as this worker's and this worker does not know.
    ///
    /// Their claim or their release lost its answer with the connection. No other worker rescues them while this one
    /// lives.
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
