package import MoedCore
package import MoedQueue

/// The jobs this worker holds, from claim to confirmed write, and what is to be written about them.
///
/// A value without I/O: the database loop tells it what happened and asks what to write.
package struct RunningJobs {
    struct Held {
        var lease: JobLease
        var claimedAt: Duration
    }

    private var held: [JobID: Held] = [:] {
        didSet { if held.isEmpty { runsAlone = false } }
    }
    package private(set) var completions: [JobCompletion] = []
    package private(set) var failures: [JobFailure] = []
    /// New tokens that are to be kept.
    private var checkpoints: [JobCheckpoint] = []
    /// Failures that the database refused.
    private var postponed: [JobFailure] = []
    /// Given back by an interrupted runner; held until their checkpoints are written.
    private var returned: Set<JobID> = []
    /// Forgotten jobs whose answers the runner still owes: those answers concern no held job.
    private var abandoned: [JobID: Int] = [:]
    /// Stopped, while the runner may still be at them.
    private var stopping: [JobID: JobRelease] = [:]
    package private(set) var releases: [JobRelease] = []
    let modelName: String

    package init(modelName: String) { self.modelName = modelName }

    /// Jobs that are neither finished nor released.
    package var count: Int { held.count }
    /// Whether a job is running that may share its process with no other.
    package private(set) var runsAlone = false
    /// The runner has given back every unfinished job.
    package var areAllReturned: Bool { held.keys.allSatisfy(returned.contains) }
    package var hasWrites: Bool {
        !completions.isEmpty || !failures.isEmpty || !postponed.isEmpty || !stopping.isEmpty
            || !releases.isEmpty
    }
    var leases: [JobLease] { held.values.map(\.lease).sorted { $0.job < $1.job } }

    /// All attempts that are this worker's to end, written about or not.
    package var owned: Set<JobLease> {
        Set(
            leases + completions.map(\.lease) + failures.map(\.lease) + postponed.map(\.lease)
                + stopping.values.map(\.lease) + releases.map(\.lease))
    }

    package mutating func claimed(_ job: ClaimedJob, at now: Duration) {
        held[job.lease.job] = Held(lease: job.lease, claimedAt: now)
        runsAlone = job.jobClass.bucket == JobClass.quarantine
    }

    package mutating func refused(_ job: JobID, _ error: RequestError) {
        if isOwed(job) { return }
        guard let lease = held.removeValue(forKey: job)?.lease else { return }
        failures.append(JobFailure(lease: lease, error))
    }

    /// - Parameter unixTime: now, for the stored object's `created`.
    package mutating func finished(_ job: JobID, _ result: GenerationResult, at now: Duration, unixTime: Int64) {
        if isOwed(job) { return }
        guard let job = held.removeValue(forKey: job), let first = result.choices.first else { return }
        let body = ChatCompletion.object(
            id: "chatcmpl-\(job.lease.job)", created: unixTime, model: modelName, result: result)
        var completion = JobCompletion(
            lease: job.lease, content: first.content, reasoning: first.reasoning,
            finishReason: first.finishReason, body: body.serialized(), seed: result.seed, usage: result.usage)
        completion.warnings = result.warnings
        completion.wall = now - job.claimedAt
        completions.append(completion)
    }

    /// The runner could not go on with a job: another attempt may succeed.
    package mutating func failed(_ job: JobID, _ error: EngineError, wasted: Usage, at now: Duration) {
        if isOwed(job) { return }
        guard let job = held.removeValue(forKey: job) else { return }
        failures.append(
            JobFailure(
                lease: job.lease, code: "engine_error", message: error.message, param: nil, retryable: true,
                usage: wasted, wall: now - job.claimedAt))
    }

    /// Notes new tokens of jobs that go on.
    package mutating func progressed(_ pieces: [OutputPiece]) {
        for piece in pieces {
            guard let lease = held[piece.job]?.lease else { continue }
            checkpoints.append(
                JobCheckpoint(
                    lease: lease, choice: piece.choice, firstToken: piece.firstToken, tokens: piece.tokens))
        }
    }

    /// What is to be kept of the jobs that are still running.
    package var checkpointsToWrite: [JobCheckpoint] {
        checkpoints.filter { held[$0.lease.job]?.lease == $0.lease }
    }

    /// The database has answered all of `checkpointsToWrite`.
    package mutating func checkpointsWritten() { checkpoints = [] }

    /// A result that cannot be stored ends its job as failed: computing it again would give the same.
    package mutating func resultRefused(_ lease: JobLease, _ reason: String) {
        failures.append(
            JobFailure(lease: lease, code: "result_refused", message: reason, param: nil, retryable: false))
    }

    /// A failure that is refused has nothing left to be reduced to: it waits until the database takes it.
    mutating func postpone(_ failure: JobFailure) { postponed.append(failure) }

    /// Lets postponed failures be tried again.
    package mutating func retryPostponed() {
        failures += postponed
        postponed = []
    }

    /// The database has confirmed these writes.
    package mutating func written(completions: Int = 0, failures: Int = 0, releases: Int = 0) {
        self.completions.removeFirst(completions)
        self.failures.removeFirst(failures)
        self.releases.removeFirst(releases)
    }

    /// Stops one unfinished job, to be released once its wasted tokens are known.
    ///
    /// - Returns: false when the job is not held any more.
    package mutating func stop(_ job: JobID, at now: Duration) -> Bool {
        guard let job = held.removeValue(forKey: job) else { return false }
        stopping[job.lease.job] = JobRelease(lease: job.lease, wall: now - job.claimedAt)
        return true
    }

    /// The runner does not run those jobs any more.
    ///
    /// - Parameter isInterrupted: the runner gave back everything for a shutdown; `takeLeases` releases the jobs.
    package mutating func stopped(_ usages: [JobID: Usage], at now: Duration, isInterrupted: Bool) {
        for (job, usage) in usages.sorted(by: { $0.key < $1.key }) {
            if isOwed(job) { continue }
            if var release = stopping.removeValue(forKey: job) {
                release.usage = usage
                releases.append(release)
            } else if isInterrupted {
                returned.insert(job)
            } else if let job = held.removeValue(forKey: job) {
                releases.append(JobRelease(lease: job.lease, usage: usage, wall: now - job.claimedAt))
            }
        }
    }

    /// Counts an answer of the runner to a forgotten job; false when the answer is for a held one.
    private mutating func isOwed(_ job: JobID) -> Bool {
        guard let count = abandoned[job] else { return false }
        abandoned[job] = count > 1 ? count - 1 : nil
        return true
    }

    /// Forgets all unfinished jobs: the database gave them to others, or they are about to be released.
    ///
    /// - Returns: their leases.
    package mutating func takeLeases() -> [JobLease] {
        for job in held.keys where !returned.contains(job) { abandoned[job, default: 0] += 1 }
        defer {
            held = [:]
            returned = []
        }
        return leases
    }
}
