package import MoedBatching
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
    /// Claimed, but their tokens are not with the engine yet.
    private var preparing: Set<JobID> = []
    package private(set) var completions: [JobCompletion] = []
    package private(set) var failures: [JobFailure] = []
    /// New tokens that are to be kept.
    private var checkpoints: [JobCheckpoint] = []
    /// Failures that the database refused.
    private var postponed: [JobFailure] = []
    /// Given up, but perhaps in a sweep that has not ended.
    private var stopping: [JobID: JobRelease] = [:]
    package private(set) var releases: [JobRelease] = []
    let modelName: String

    package init(modelName: String) { self.modelName = modelName }

    /// Jobs that are neither finished nor released.
    package var count: Int { held.count }
    /// Whether a job is running that may share its process with no other.
    package private(set) var runsAlone = false
    package var preparingCount: Int { preparing.count }
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
        runsAlone = job.group.bucket == JobGroup.quarantine
        preparing.insert(job.lease.job)
    }

    /// Returns false when the job has been given up meanwhile.
    package mutating func prepared(_ job: JobID) -> Bool {
        preparing.remove(job)
        return held[job] != nil
    }

    package mutating func refused(_ job: JobID, _ error: RequestError) {
        preparing.remove(job)
        guard let lease = held.removeValue(forKey: job)?.lease else { return }
        failures.append(JobFailure(lease: lease, error))
    }

    /// - Parameter unixTime: now, for the stored object's `created`.
    package mutating func ended(_ outcome: GenerationLoop.Outcome, at now: Duration, unixTime: Int64) {
        switch outcome {
        case .finished(let job, let result):
            guard let job = held.removeValue(forKey: job), let first = result.choices.first else { return }
            let body = ChatCompletion.object(
                id: "chatcmpl-\(job.lease.job)", created: unixTime, model: modelName, result: result)
            completions.append(
                JobCompletion(
                    lease: job.lease, content: first.content, reasoning: first.reasoning,
                    finishReason: first.finishReason, body: body.serialized(), seed: result.seed,
                    usage: result.usage, wall: now - job.claimedAt))
        case .failed(let job, let error):
            guard let lease = held.removeValue(forKey: job)?.lease else { return }
            failures.append(
                JobFailure(
                    lease: lease, code: "engine_error", message: error.message, param: nil, retryable: true))
        }
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
    mutating func retryPostponed() {
        failures += postponed
        postponed = []
    }

    /// The database has confirmed these writes.
    package mutating func written(completions: Int = 0, failures: Int = 0, releases: Int = 0) {
        self.completions.removeFirst(completions)
        self.failures.removeFirst(failures)
        self.releases.removeFirst(releases)
    }

    /// Gives one unfinished job up, to be released when it is known what it generated. Returns false when it is not
    /// held any more.
    package mutating func giveUp(_ job: JobID, at now: Duration) -> Bool {
        preparing.remove(job)
        guard let job = held.removeValue(forKey: job) else { return false }
        stopping[job.lease.job] = JobRelease(lease: job.lease, wall: now - job.claimedAt)
        return true
    }

    /// Those jobs do not run any more.
    package mutating func stopped(_ usages: [JobID: Usage]) {
        for (job, usage) in usages.sorted(by: { $0.key < $1.key }) {
            guard var release = stopping.removeValue(forKey: job) else { continue }
            release.usage = usage
            releases.append(release)
        }
    }

    /// Gives all unfinished jobs up, for release.
    package mutating func takeLeases() -> [JobLease] {
        defer {
            held = [:]
            preparing = []
        }
        return leases
    }
}
