package import Logging
package import MoedCore
package import MoedQueue

/// Polls the queue and claims jobs for the runner's room, class by class as `GroupPolicy` says.
package final class JobClaimer {
    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    private let policy: GroupPolicy
    private var backlog = KnownBacklog()
    private var currentGroup: JobGroup?
    /// Classes that gave nothing in this round, after a fresh poll.
    private var exhausted: Set<JobGroup> = []

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
        policy = GroupPolicy(maxWait: state.settings.maxWait)
    }

    /// The queue may hold jobs that the last poll did not see.
    package func forgetBacklog() { backlog.forget() }

    package var needsLook: Bool { backlog.needsLook(now: state.now) }

    /// Polls the backlog.
    package func look(_ store: any WorkerStore) async throws(QueueError) {
        let asked = state.now
        backlog.looked(try await store.backlog(models: state.runner.models), from: asked, to: state.now)
    }

    /// One step of claiming.
    package enum Step: Equatable {
        /// No class has jobs that could start beside the running ones.
        case nothing
        /// The next class, and how many of its jobs were claimed.
        case claimed(JobGroup, Int)
    }

    /// Claims from the next class, for at most `room` jobs, and starts them.
    package func claimNext(_ store: any WorkerStore, room: Int) async throws(QueueError) -> Step {
        guard let worker = state.worker, room > 0 else { return .nothing }
        let open = backlog.groups.filter { !exhausted.contains($0.group) }
        guard let group = policy.next(after: currentGroup, among: open),
            let waiting = open.first(where: { $0.group == group })
        else { return .nothing }
        let isQuarantine = group.bucket == JobGroup.quarantine
        // A suspect runs alone: it waits until the batch is empty, and the batch until it has ended.
        if state.jobs.runsAlone || (isQuarantine && state.jobs.count > 0) { return .nothing }
        let limit = isQuarantine ? 1 : min(room, state.settings.claimMax)
        let claimed = try await store.claim(
            worker, waiting, limit: limit, maxWait: state.settings.maxWait, computedBy: state.runner.origin)
        backlog.claimed(claimed, of: limit, in: group)
        guard !claimed.isEmpty else { return .claimed(group, 0) }
        currentGroup = group
        for job in claimed { state.jobs.claimed(job, at: state.now) }
        state.runner.start(claimed.map(\.runnable))
        log.debug("claimed \(claimed.count) jobs of \(group.mode.rawValue), bucket \(group.bucket)")
        return .claimed(group, claimed.count)
    }

    /// Claims until the room is full or the queue has nothing more.
    package func claim(_ store: any WorkerStore) async throws(QueueError) {
        exhausted = []
        var isFresh = false
        while state.runner.room > 0 {
            if needsLook {
                try await look(store)
                isFresh = true
            }
            guard case .claimed(let group, let count) = try await claimNext(store, room: state.runner.room)
            else { break }
            // Heads of an older poll may be empty: the claim that came short calls for another one.
            if count == 0, isFresh { exhausted.insert(group) }
        }
        report.update {
            $0.queued = backlog.queued
            $0.isQueuedAtLeast = backlog.isAtLeast
            $0.group = currentGroup
        }
    }
}

extension ClaimedJob {
    /// The job without its lease.
    var runnable: RunnableJob { RunnableJob(id: id, group: group, body: body, waited: waited, saved: saved) }
}
