package import Logging
package import MoedQueue

/// Rescues jobs of dead workers, promotes scheduled jobs, ends jobs that can never start, and prunes old ones.
///
/// Each step fails alone. The failure is logged once per cause and counted, and the step is tried again after a pause.
/// Only a lost connection ends the round.
package final class QueueMaintenance {
    private struct Failure {
        var text: String
        var attempts: Int
        var retryAt: Duration
    }

    private static let firstPause = Duration.seconds(2)
    private static let longestPause = Duration.seconds(60)
    /// Name of the statement that finds the due steps.
    private static let look = "look"

    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    private var nextPruning = Duration.zero
    private var nextSample = Duration.zero
    private var failures: [String: Failure] = [:]

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
    }

    package func maintain(_ store: any WorkerStore) async throws(QueueError) {
        var due: [MaintenanceStep] = []
        let isKnown = try await attempt(Self.look) { () async throws(QueueError) in
            due = try await store.dueMaintenance()
        }
        // Each step is tried when a table that one of them reads cannot be read.
        if !isKnown { due = MaintenanceStep.allCases }
        for step in due where !step.isTimed {
            _ = try await attempt(step.rawValue) { () async throws(QueueError) in
                self.note(try await store.maintain(step))
            }
        }
        _ = try await attempt(MaintenanceStep.sample.rawValue) { () async throws(QueueError) in
            try await self.sample(store)
        }
        _ = try await attempt(MaintenanceStep.prune.rawValue) { () async throws(QueueError) in
            try await self.prune(store)
        }
    }

    /// Does a step unless it failed a short time ago.
    ///
    /// - Returns: true when the step was done.
    private func attempt(
        _ step: String, _ body: () async throws(QueueError) -> Void
    ) async throws(QueueError) -> Bool {
        if let failure = failures[step], state.now < failure.retryAt { return false }
        do throws(QueueError) {
            try await body()
        } catch {
            if error.isConnectionLost { throw error }
            failed(step, "\(error)")
            return false
        }
        if failures.removeValue(forKey: step) != nil { log.notice("maintenance: \(step) works again") }
        return true
    }

    private func failed(_ step: String, _ text: String) {
        let last = failures[step]
        let attempts = (last?.attempts ?? 0) + 1
        let pause = min(Self.firstPause * (1 << min(attempts - 1, 10)), Self.longestPause)
        if last?.text != text {
            log.warning("maintenance: \(step) fails: \(text); claims and results go on")
        }
        failures[step] = Failure(text: text, attempts: attempts, retryAt: state.now + pause)
        report.update { $0.maintenanceFailures[step, default: 0] += 1 }
    }

    private func note(_ found: MaintenanceReport) {
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
    }

    /// Several workers try several times a minute, so that none is missed. The first one adds the minute.
    private func sample(_ store: any WorkerStore) async throws(QueueError) {
        guard state.now >= nextSample else { return }
        _ = try await store.maintain(.sample)
        nextSample = state.now + .seconds(15)
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
