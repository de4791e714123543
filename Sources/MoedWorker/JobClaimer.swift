package import Logging
package import MoedCore
package import MoedQueue

/// Polls the queue and claims jobs for the runner's free capacity, job class by job class according to `ClassPolicy`.
package final class JobClaimer {
    private let state: WorkerState
    private let report: WorkerReport
    private let log: Logger
    private let story: JobStory
    private let policy: ClassPolicy
    private var backlog = KnownBacklog()
    private var currentClass: JobClass?
    /// Job class of the last claim when its bodies filled the runner's room for requests. Other job classes come before
    /// it, so that long requests of one tenant delay others by no more than one preparation.
    private var crowdingClass: JobClass?
    private var heldUp = OutageLog()
    /// True when the last poll found jobs that only other workers may run.
    private var leavesJobs = false
    /// Job classes that yielded no jobs in this round after a fresh poll.
    private var exhausted: Set<JobClass> = []

    package init(_ state: WorkerState, report: WorkerReport, log: Logger) {
        self.state = state
        self.report = report
        self.log = log
        story = JobStory(state, report: report, log: log)
        policy = ClassPolicy(maxWait: state.settings.maxWait)
    }

    /// Expires the known backlog: the queue may hold jobs that the last poll did not see.
    package func forgetBacklog() { backlog.forget() }

    /// True when all queued jobs of the last poll are for other workers: their tenants' jobs may not leave the house.
    package var leavesAll: Bool { leavesJobs && backlog.queued == 0 }

    package var needsLook: Bool { backlog.needsLook(now: state.now) }

    /// Polls the backlog.
    package func look(_ store: any WorkerStore) async throws(QueueError) {
        let asked = state.now
        let models = state.runner.models
        var classes = try await report.timed("backlog") { () async throws(QueueError) in
            try await store.backlog(models: models)
        }
        leavesJobs = false
        if state.inquirer.isDown {
            for index in classes.indices { _ = classes[index].drop { state.policies.needsService($0.name) } }
        }
        for index in classes.indices {
            let isBarred = classes[index].drop { !state.runner.mayRun(tenant: $0.name, mayLeave: $0.mayLeave) }
            leavesJobs = leavesJobs || isBarred
        }
        classes.removeAll { $0.queued <= 0 }
        if state.runner.plansDeadlines {
            state.runner.plan(classes.isEmpty ? [] : try await store.deadlines(models: state.runner.models))
        }
        backlog.looked(classes, from: asked, to: state.now)
    }

    /// Result of one claim.
    package enum Step: Equatable {
        /// No job class has jobs that could start beside the running ones.
        case nothing
        /// Job class of the claim and number of claimed jobs.
        case claimed(JobClass, Int)
    }

    /// Claims at most `room` jobs of the next job class and starts them.
    ///
    /// - Parameter dueWithin: maximum time until a job's deadline; nil takes all jobs.
    package func claimNext(
        _ store: any WorkerStore, room: Int, dueWithin: Duration? = nil
    ) async throws(QueueError) -> Step {
        let requests = state.runner.requestRoom
        guard let worker = state.worker, room > 0, requests.bytes > 0 else { return .nothing }
        let open = backlog.classes.filter { !exhausted.contains($0.jobClass) }
        let others = open.filter { $0.jobClass != crowdingClass && $0.queued > 0 }
        guard let jobClass = policy.next(after: currentClass, among: others.isEmpty ? open : others),
            let waiting = open.first(where: { $0.jobClass == jobClass })
        else { return .nothing }
        let isQuarantine = jobClass.bucket == JobClass.quarantine
        // A quarantined job runs alone. It waits for an empty batch, and no other job starts until it has ended.
        if state.jobs.runsAlone || (isQuarantine && state.jobs.count > 0) { return .nothing }
        let limit = isQuarantine ? 1 : min(room, state.settings.claimMax)
        let claimed = try await report.timed("claim") { () async throws(QueueError) in
            try await store.claim(
                worker, waiting, limit: limit, room: requests, maxWait: state.settings.maxWait,
                computedBy: state.runner.origin(of: jobClass.model)?.digest,
                only: ClaimFilter(isHouse: state.runner.isHouse, dueWithin: dueWithin))
        }
        // A class without urgent jobs may have others: its backlog stays known.
        backlog.claimed(claimed, of: dueWithin == nil ? limit : claimed.count, in: jobClass)
        guard !claimed.isEmpty else { return .claimed(jobClass, 0) }
        currentClass = jobClass
        for job in claimed {
            state.jobs.claimed(job, at: state.now)
            story.claimed(job)
        }
        state.runner.start(
            claimed.map { job in
                var job = job.runnable
                job.rules = state.policies.rules.filter { $0.sides.contains(.input) }
                return job
            })
        crowdingClass = state.runner.requestRoom.bytes > 0 ? nil : jobClass
        log.debug("claimed \(claimed.count) jobs of \(jobClass.mode.rawValue), bucket \(jobClass.bucket)")
        return .claimed(jobClass, claimed.count)
    }

    /// Claims until the runner has no free capacity or the queue has no claimable jobs. A statement that a lock of
    /// another transaction ends is repeated in the next round.
    package func claim(_ store: any WorkerStore) async throws(QueueError) {
        do throws(QueueError) {
            try await claimAll(store)
            if heldUp.ended(at: state.now) != nil { log.notice("claims: the lock is gone") }
        } catch {
            guard error.isHeldUp else { throw error }
            if heldUp.failed("\(error)", at: state.now) {
                log.warning("claims: another transaction locks a table: \(error)")
            }
        }
    }

    private func claimAll(_ store: any WorkerStore) async throws(QueueError) {
        exhausted = []
        if state.policies.isFull { return }
        var knowsRules = false
        var isFresh = false
        while true {
            let room = state.runner.room
            // A full runner may have room for jobs whose deadline is near; the poll tells which deadlines there are.
            if needsLook, room > 0 || state.runner.plansDeadlines {
                try await look(store)
                isFresh = true
            }
            let urgent = room > 0 ? nil : state.runner.urgentRoom
            guard room > 0 || urgent.map({ $0.jobs > 0 }) ?? false else { break }
            guard backlog.queued > 0 else { break }
            if !knowsRules {
                // Without the rules in force no job starts.
                try await state.readRules(store, log)
                knowsRules = true
            }
            let step = try await claimNext(store, room: urgent?.jobs ?? room, dueWithin: urgent?.within)
            guard case .claimed(let jobClass, let count) = step else { break }
            // Heads of an older poll may be gone. After a claim below its limit the next iteration polls again.
            if count == 0, isFresh || urgent != nil { exhausted.insert(jobClass) }
        }
        report.update {
            $0.queued = backlog.queued
            $0.isQueuedAtLeast = backlog.isAtLeast
            $0.jobClass = currentClass
        }
    }
}

extension ClaimedJob {
    /// The job without its lease.
    var runnable: RunnableJob {
        var job = RunnableJob(
            id: id, jobClass: jobClass, tenant: tenantID, body: body, waited: waited, saved: saved)
        job.claim = lease.token
        (job.tenantName, job.mayLeave, job.timeLeft) = (tenant, mayLeave, timeLeft)
        return job
    }
}
