package import Logging
package import MoedQueue

/// Rescues jobs of dead workers, promotes scheduled jobs, ends jobs that can never start, and prunes old ones.
package final class QueueMaintenance {
    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    private var nextPruning = Duration.zero

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
    }

    package func maintain(_ store: any WorkerStore) async throws(QueueError) {
        let found = try await store.maintain()
        let rescue = found.rescue
        if rescue.workers > 0 {
            log.warning(
                "\(rescue.workers) workers died: \(rescue.requeued) jobs queued again, \(rescue.failed) failed")
        }
        if found.expired > 0 { log.notice("\(found.expired) jobs were not started before their deadline") }
        if found.refused > 0 {
            log.notice("\(found.refused) jobs ask for a model that no worker has ever served")
        }
        report.update { $0.failed += found.expired + found.refused }
        try await prune(store)
    }

    /// Deletes jobs older than the retention, a limited number per round, so that no statement takes long.
    private func prune(_ store: any WorkerStore) async throws(QueueError) {
        let retention = state.settings.retention
        guard retention > .zero, state.now >= nextPruning else { return }
        let pruned = try await store.prune(olderThan: retention, limit: JobStore.rowsPerStatementMax)
        if pruned > 0 { log.info("pruned \(pruned) jobs that ended more than \(retention) ago") }
        if pruned < JobStore.rowsPerStatementMax { nextPruning = state.now + .seconds(60) }
    }
}
