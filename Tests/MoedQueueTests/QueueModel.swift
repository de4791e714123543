import MoedCore
import MoedQueue

/// Model of the queue as a value: the state machine of jobs, attempts and workers with the expected answer to every
/// call.
struct QueueModel {
    struct Job: Equatable {
        var state = "queued"
        var token: Int64 = 0
        var worker: WorkerID?
        var attempt = 0
        var crashes = 0
        var isQuarantined = false
        var isCancelRequested = false
        var tenant: String
    }

    static let attemptsMax = 3

    private(set) var jobs: [JobID: Job] = [:]
    /// Outcomes of ended attempts; those of pruned jobs are removed.
    private var outcomes: [JobLease: String] = [:]
    private var lapsed: Set<WorkerID> = []
    private var stopped: Set<WorkerID> = []
    var isPaused = false
    var pausedTenants: Set<String> = []

    mutating func added(_ ids: [JobID], tenant: String) { for id in ids { jobs[id] = Job(tenant: tenant) } }

    /// Jobs of a job class that a worker may take now.
    func claimable(_ worker: WorkerID, quarantine: Bool) -> Set<JobID> {
        guard !isPaused, !stopped.contains(worker), !lapsed.contains(worker) else { return [] }
        let open = jobs.filter {
            $1.state == "queued" && $1.isQuarantined == quarantine && !pausedTenants.contains($1.tenant)
        }
        return Set(open.keys)
    }

    mutating func claimed(_ lease: JobLease, by worker: WorkerID) {
        jobs[lease.job]?.state = "running"
        jobs[lease.job]?.token = lease.token
        jobs[lease.job]?.worker = worker
        jobs[lease.job]?.attempt += 1
    }

    private func holds(_ lease: JobLease) -> Bool {
        jobs[lease.job].map { $0.state == "running" && $0.token == lease.token } ?? false
    }

    private mutating func end(_ lease: JobLease, _ state: String, _ outcome: String) {
        jobs[lease.job]?.state = state
        jobs[lease.job]?.worker = nil
        outcomes[lease] = outcome
    }

    private func answer(_ lease: JobLease, repeated: [String]) -> Disposition {
        outcomes[lease].map(repeated.contains) == true ? .already : .stale
    }

    mutating func complete(_ lease: JobLease) -> Disposition {
        guard holds(lease) else { return answer(lease, repeated: ["succeeded"]) }
        end(lease, "succeeded", "succeeded")
        return .committed
    }

    mutating func fail(_ lease: JobLease, retryable: Bool) -> Disposition {
        guard holds(lease), let job = jobs[lease.job] else {
            return answer(lease, repeated: ["failed", "retried", "cancelled"])
        }
        if job.isCancelRequested {
            end(lease, "cancelled", "cancelled")
        } else if retryable, job.attempt < Self.attemptsMax {
            end(lease, "scheduled", "retried")
        } else {
            end(lease, "failed", "failed")
        }
        return .committed
    }

    mutating func release(_ lease: JobLease) -> Disposition {
        guard holds(lease), let job = jobs[lease.job] else {
            return answer(lease, repeated: ["released", "cancelled", "failed"])
        }
        if job.isCancelRequested {
            end(lease, "cancelled", "cancelled")
        } else {
            end(lease, "queued", "released")
            jobs[lease.job]?.attempt -= 1
        }
        return .committed
    }

    /// True when the job continues after a checkpoint.
    func goesOn(_ lease: JobLease) -> Bool {
        holds(lease) && jobs[lease.job]?.isCancelRequested == false
    }

    mutating func cancel(_ id: JobID) -> String {
        switch jobs[id]?.state {
        case nil: return "unknown"
        case "queued", "scheduled":
            jobs[id]?.state = "cancelled"
            return "cancelled"
        case "running":
            jobs[id]?.isCancelRequested = true
            return "requested"
        case let state?: return state
        }
    }

    mutating func redrive(_ id: JobID) -> Bool {
        guard let state = jobs[id]?.state, ["failed", "cancelled"].contains(state) else { return false }
        jobs[id]?.state = "queued"
        jobs[id]?.attempt = 0
        jobs[id]?.isCancelRequested = false
        return true
    }

    mutating func lapse(_ worker: WorkerID) { if !stopped.contains(worker) { lapsed.insert(worker) } }

    /// Returns true when the lease is renewed.
    mutating func beat(_ worker: WorkerID) -> Bool {
        lapsed.remove(worker)
        return !stopped.contains(worker)
    }

    mutating func rescue() -> RescueReport {
        var report = RescueReport(workers: lapsed.count)
        stopped.formUnion(lapsed)
        lapsed = []
        for (id, job) in jobs where job.state == "running" && job.worker.map(stopped.contains) == true {
            let lease = JobLease(job: id, token: job.token)
            if job.isCancelRequested {
                end(lease, "cancelled", "lost")
                report.cancelled += 1
            } else if job.isQuarantined, job.attempt >= Self.attemptsMax {
                end(lease, "failed", "lost")
                report.failed += 1
            } else {
                end(lease, "queued", "lost")
                report.requeued += 1
            }
            jobs[id]?.crashes += 1
            if job.crashes >= 1 { jobs[id]?.isQuarantined = true }
        }
        return report
    }

    /// All scheduled jobs are due.
    mutating func promote() -> Int {
        let due = jobs.filter { $1.state == "scheduled" }.keys
        for id in due { jobs[id]?.state = "queued" }
        return due.count
    }

    mutating func prune() -> Int {
        let ended = Set(jobs.filter { ["succeeded", "failed", "cancelled"].contains($1.state) }.keys)
        for id in ended { jobs[id] = nil }
        outcomes = outcomes.filter { !ended.contains($0.key.job) }
        return ended.count
    }
}
