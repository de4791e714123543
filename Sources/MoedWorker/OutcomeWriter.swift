package import Logging
import MoedCore
package import MoedQueue

/// Writes results, failures, releases and checkpoints of a worker's jobs.
///
/// Confirmed writes are dropped. A fenced-off write is logged: the job belongs to another worker.
package final class OutcomeWriter {
    private let state: WorkerState
    private let log: Logger

    package init(_ state: WorkerState, log: Logger) {
        self.state = state
        self.log = log
    }

    package func write(_ store: any WorkerStore) async throws(QueueError) {
        try await writeReleases(store)
        guard state.jobs.hasWrites else { return }
        let (completions, failures) = (state.jobs.completions, state.jobs.failures)
        if !completions.isEmpty {
            let dispositions = try await store.complete(completions)
            state.jobs.written(completions: completions.count)
            for (completion, disposition) in zip(completions, dispositions) {
                note(completion.lease, disposition) { error in
                    state.jobs.resultRefused(completion.lease, error)
                }
            }
        }
        if !failures.isEmpty {
            let dispositions = try await store.fail(failures)
            state.jobs.written(failures: failures.count)
            for (failure, disposition) in zip(failures, dispositions) {
                note(failure.lease, disposition) { _ in state.jobs.postpone(failure) }
            }
        }
    }

    private func note(_ lease: JobLease, _ disposition: Disposition, ifRefused: (String) -> Void) {
        let metadata: Logger.Metadata = ["job_id": "\(lease.job)", "event": "write"]
        switch disposition {
        case .committed, .already: break
        case .stale: log.warning("the job was another worker's by the time it ended", metadata: metadata)
        case .refused(let error):
            log.error("the database refuses the result: \(error)", metadata: metadata)
            ifRefused("\(error)")
        }
    }

    /// Releases stopped jobs.
    private func writeReleases(_ store: any WorkerStore) async throws(QueueError) {
        let releases = state.jobs.releases
        guard !releases.isEmpty else { return }
        let dispositions = try await store.release(releases)
        state.jobs.written(releases: releases.count)
        for (release, disposition) in zip(releases, dispositions) {
            log.notice(
                disposition == .stale
                    ? "job taken over by another worker" : "job stopped: cancelled, or past its deadline",
                metadata: ["job_id": "\(release.lease.job)", "event": "stopped"])
        }
    }

    /// Checkpoints new tokens of running jobs. Jobs that the answer does not name are stopped: this worker no longer
    /// holds them.
    package func writeCheckpoints(_ store: any WorkerStore) async throws(QueueError) {
        let checkpoints = state.jobs.checkpointsToWrite
        guard let origin = state.runner.origin, !checkpoints.isEmpty else {
            return state.jobs.checkpointsWritten()
        }
        let held = try await store.checkpoint(checkpoints, computedBy: origin)
        state.jobs.checkpointsWritten()
        stop(Set(checkpoints.map(\.lease.job)).subtracting(held).sorted())
    }

    /// Stops cancelled jobs and jobs past their deadline.
    package func stopUnwanted(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker, state.jobs.count > 0 else { return }
        stop(try await store.toBeStopped(worker))
    }

    /// Stops jobs. Their tokens are recorded as wasted tokens.
    private func stop(_ ids: [JobID]) {
        state.runner.stop(ids.filter { state.jobs.stop($0, at: state.now) })
    }

    /// Releases all unfinished jobs at the end of the grace period. Their checkpoints stay, and no attempt is used.
    package func releaseAll(_ store: any WorkerStore) async throws(QueueError) {
        let leases = state.jobs.takeLeases()
        guard !leases.isEmpty else { return }
        _ = try await store.release(leases.map { JobRelease(lease: $0) })
        log.notice("released \(leases.count) unfinished jobs")
    }
}
