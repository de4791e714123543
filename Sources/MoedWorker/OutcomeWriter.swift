package import Logging
import MoedCore
import MoedHost
package import MoedQueue

/// Writes results, failures, releases and checkpoints of a worker's jobs.
///
/// Confirmed writes are dropped. A fenced-off write is logged: the job belongs to another worker. A write that meets a
/// lock of another transaction is tried again alone, and the others are written at once.
package final class OutcomeWriter {
    /// Time of one round for delayed writes: each may wait for a lock.
    private static let retryTimeMax = Duration.milliseconds(400)

    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    private let story: JobStory
    /// Time at which the new writes were found; nil when all of them are answered.
    private var newSince: Duration?
    private var overdue = OutageLog()

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
        story = JobStory(state, report: report, log: log)
    }

    package func write(_ store: any WorkerStore) async throws(QueueError) {
        if newSince == nil, state.jobs.hasNewWrites { newSince = state.now }
        noteAge()
        try await writeReleases(store)
        try await writeCompletions(store)
        try await writeFailures(store)
        newSince = state.jobs.hasNewWrites ? newSince ?? state.now : nil
        try await retry(store)
        noteAge()
        story.summarise()
    }

    private func writeCompletions(_ store: any WorkerStore) async throws(QueueError) {
        let completions = state.jobs.completions
        guard !completions.isEmpty else { return }
        let dispositions = try await report.timed("complete") { () async throws(QueueError) in
            try await store.complete(completions)
        }
        state.jobs.written(completions: completions.count)
        for (completion, disposition) in zip(completions, dispositions) {
            note(.completion(completion), disposition)
        }
    }

    private func writeFailures(_ store: any WorkerStore) async throws(QueueError) {
        let failures = state.jobs.failures
        guard !failures.isEmpty else { return }
        let dispositions = try await store.fail(failures)
        state.jobs.written(failures: failures.count)
        for (failure, disposition) in zip(failures, dispositions) { note(.failure(failure), disposition) }
    }

    /// Releases stopped jobs.
    private func writeReleases(_ store: any WorkerStore) async throws(QueueError) {
        let releases = state.jobs.releases
        guard !releases.isEmpty else { return }
        let dispositions = try await store.release(releases)
        state.jobs.written(releases: releases.count)
        for (release, disposition) in zip(releases, dispositions) { note(.release(release), disposition) }
    }

    /// Tries delayed writes that are due, each alone.
    private func retry(_ store: any WorkerStore) async throws(QueueError) {
        let start = state.now
        for entry in state.jobs.delayed.due(start) {
            if state.now - start > Self.retryTimeMax { return }
            let dispositions =
                switch entry.write {
                case .completion(let completion): try await store.complete([completion])
                case .failure(let failure): try await store.fail([failure])
                case .release(let release): try await store.release([release])
                }
            guard let disposition = dispositions.first else { continue }
            note(entry.write, disposition)
        }
    }

    private func note(_ write: PendingWrite, _ disposition: Disposition) {
        let metadata: Logger.Metadata = ["job_id": "\(write.lease.job)", "event": "write"]
        switch disposition {
        case .written(let outcome):
            state.jobs.delayed.answered(write.lease)
            story.ended(write, as: outcome)
        case .already: state.jobs.delayed.answered(write.lease)
        case .stale:
            state.jobs.delayed.answered(write.lease)
            log.warning("the job was another worker's by the time it ended", metadata: metadata)
        case .locked:
            log.debug("another transaction locks the job's row", metadata: metadata)
            state.jobs.delayed.delay(write, at: state.now)
        case .refused(let error):
            log.error("the database refuses the result: \(error)", metadata: metadata)
            guard case .completion(let completion) = write else {
                // It has no simpler form, so it waits until the database accepts it.
                return state.jobs.delayed.delay(write, at: state.now)
            }
            state.jobs.delayed.answered(write.lease)
            state.jobs.resultRefused(completion, "\(error)")
        }
    }

    /// Reports when results will have been unwritten for a lease, and logs it then.
    private func noteAge() {
        let oldest = [newSince, state.jobs.delayed.oldest].compactMap { $0 }.min()
        let lease = state.settings.lease
        let age = oldest.map { state.now - $0 }
        report.update { $0.resultsOverdueAt = age.map { ContinuousClock.now + (lease - $0) } }
        guard let age, age >= lease else {
            overdue = OutageLog()
            return
        }
        if overdue.failed("", at: state.now) {
            log.warning(
                """
                results of \(state.jobs.delayed.entries.count) jobs could not be written for \(Int(age.seconds)) s: \
                another transaction locks them, or the database refuses them
                """)
        }
    }

    /// Checkpoints new tokens of running jobs. Jobs that the answer does not name are stopped: this worker no longer
    /// holds them.
    package func writeCheckpoints(_ store: any WorkerStore) async throws(QueueError) {
        let checkpoints = state.jobs.checkpointsToWrite
        guard state.runner.origin != nil, !checkpoints.isEmpty else {
            return state.jobs.checkpointsWritten()
        }
        var answer = CheckpointAnswer()
        for (origin, pieces) in state.jobs.checkpointsByOrigin {
            let part = try await store.checkpoint(pieces, computedBy: origin)
            answer.written.formUnion(part.written)
            story.checkpointed(part.written)
            answer.locked.formUnion(part.locked)
        }
        state.jobs.checkpointsWritten(locked: answer.locked)
        stop(Set(checkpoints.map(\.lease.job)).subtracting(answer.written).subtracting(answer.locked).sorted())
    }

    /// Stops cancelled jobs and jobs past their deadline.
    package func stopUnwanted(_ store: any WorkerStore) async throws(QueueError) {
        guard let worker = state.worker, state.jobs.count > 0 else { return }
        stop(try await unlessHeldUp { () async throws(QueueError) in try await store.toBeStopped(worker) } ?? [])
    }

    /// Stops jobs. Their tokens are recorded as wasted tokens.
    private func stop(_ ids: [JobID]) {
        state.runner.stop(ids.filter { state.jobs.stop($0, at: state.now) })
    }

    /// Releases all unfinished jobs at the end of the grace period. Their checkpoints stay, and no attempt is used.
    package func releaseAll(_ store: any WorkerStore) async throws(QueueError) {
        let count = state.jobs.releaseAll()
        guard count > 0 else { return }
        log.notice("releasing \(count) unfinished jobs")
        try await write(store)
    }
}
