package import MoedCore
package import MoedQueue

/// Jobs that this worker holds, from claim to confirmed write, and their pending writes.
///
/// A value without I/O: the database loop records events in it and reads the pending writes from it.
package struct RunningJobs {
    struct Held {
        var lease: JobLease
        var tenant: String
        var claimedAt: Duration
        /// Mode in which it runs; nil before its preparation.
        var mode: ReasoningMode?
        /// Name and origin's digest of the adapter that runs it; nil for the model itself.
        var adapter: (name: String, origin: String)?
    }

    private var held: [JobID: Held] = [:] {
        didSet { if held.isEmpty { runsAlone = false } }
    }
    package private(set) var completions: [JobCompletion] = []
    package private(set) var failures: [JobFailure] = []
    /// New tokens to be checkpointed.
    private var checkpoints: [JobCheckpoint] = []
    /// Tokens of jobs whose row was locked.
    private var lockedCheckpoints: [JobCheckpoint] = []
    /// Writes that met a lock, and failures that the database refused.
    package var delayed = DelayedWrites()
    /// Jobs returned by an interrupted runner, held until their checkpoints are written.
    private var returned: Set<JobID> = []
    /// Jobs that the runner cannot continue. They are released once their checkpoints are written.
    private var leaving: Set<JobID> = []
    /// Number of outstanding runner answers by dropped job. These answers concern no held job.
    private var abandoned: [JobID: Int] = [:]
    /// Stopped jobs that the runner may still be running.
    private var stopping: [JobID: JobRelease] = [:]
    package private(set) var releases: [JobRelease] = []
    let modelName: String
    private let origin: String?
    /// Digest of the origin of each adapter that is served, by its name.
    package var adapters: [String: String]

    /// - Parameters:
    ///   - modelName: served name of the runner's model.
    ///   - origin: digest of the runner's origin.
    ///   - adapters: the same for each adapter, by its name.
    package init(modelName: String, origin: String? = nil, adapters: [String: String] = [:]) {
        self.adapters = adapters
        self.modelName = modelName
        self.origin = origin
    }

    /// Number of jobs that are neither finished nor released.
    package var count: Int { held.count }
    /// True while a job is running that must not share its process with another one.
    package private(set) var runsAlone = false
    /// True when the runner has returned every unfinished job.
    package var areAllReturned: Bool { held.keys.allSatisfy { returned.contains($0) || leaving.contains($0) } }
    package var hasWrites: Bool {
        hasNewWrites || !delayed.isEmpty || !stopping.isEmpty || !leaving.isEmpty
    }
    /// True when there are outcomes that no statement has tried to write, or none with a known answer.
    package var hasNewWrites: Bool { !completions.isEmpty || !failures.isEmpty || !releases.isEmpty }
    package func isHeld(_ lease: JobLease) -> Bool { held[lease.job]?.lease == lease }
    var leases: [JobLease] { held.values.map(\.lease).sorted { $0.job < $1.job } }

    /// Leases of all attempts that this worker must end, with or without a pending write.
    package var owned: Set<JobLease> {
        Set(
            leases + completions.map(\.lease) + failures.map(\.lease) + delayed.entries.map(\.write.lease)
                + stopping.values.map(\.lease) + releases.map(\.lease))
    }

    package mutating func claimed(_ job: ClaimedJob, at now: Duration) {
        let model = job.jobClass.model
        held[job.lease.job] = Held(
            lease: job.lease, tenant: job.tenant, claimedAt: now, adapter: adapters[model].map { (model, $0) })
        runsAlone = job.jobClass.bucket == JobClass.quarantine
    }

    /// - Parameter wasted: tokens that an engine generated for the refused request.
    package mutating func refused(
        _ job: JobID, _ error: RequestError, wasted: Usage = Usage(), at now: Duration = .zero
    ) {
        guard let job = take(job, wasted: wasted) else { return }
        var failure = JobFailure(lease: job.lease, error)
        if wasted != Usage() {
            (failure.usage, failure.computation, failure.wall) = (wasted, computation(of: job), now - job.claimedAt)
        }
        failures.append(failure)
    }

    /// - Parameter unixTime: the current time, for the stored object's `created`.
    package mutating func finished(_ job: JobID, _ result: GenerationResult, at now: Duration, unixTime: Int64) {
        guard let job = take(job, wasted: result.usage), let first = result.choices.first else { return }
        let body = ChatCompletion.object(
            id: "chatcmpl-\(job.lease.job)", created: unixTime, model: job.adapter?.name ?? modelName, result: result)
        var completion = JobCompletion(
            lease: job.lease, content: first.content, reasoning: first.reasoning,
            finishReason: first.finishReason, body: body.serialized(), seed: result.seed, usage: result.usage)
        completion.told = result.told
        completion.warnings = result.warnings
        completion.isTruncated = result.choices.contains(where: \.isTruncated)
        completion.isEmpty = result.choices.contains(where: \.isWithoutAnswer)
        completion.computation = computation(of: job)
        completion.wall = now - job.claimedAt
        completions.append(completion)
    }

    /// Records that the runner could not continue a job. Another attempt may succeed.
    package mutating func failed(_ job: JobID, _ error: EngineError, wasted: Usage, at now: Duration) {
        guard let job = take(job, wasted: wasted) else { return }
        var failure = JobFailure(
            lease: job.lease, code: "engine_error", message: error.message, param: nil, retryable: true,
            usage: wasted, wall: now - job.claimedAt)
        failure.computation = computation(of: job)
        failures.append(failure)
    }

    /// Lease and tenant of the job that the runner's next answer about this id concerns; nil when it is not held.
    package func holder(of job: JobID) -> (lease: JobLease, tenant: String)? {
        abandoned[job] == nil ? held[job].map { ($0.lease, $0.tenant) } : nil
    }

    /// Takes out the job that a runner's answer ends. A job that was stopped meanwhile is released with its tokens.
    ///
    /// - Returns: nil when the answer concerns no held job.
    private mutating func take(_ job: JobID, wasted: Usage) -> Held? {
        if isOwed(job) { return nil }
        if var release = stopping.removeValue(forKey: job) {
            release.usage = wasted
            releases.append(release)
            return nil
        }
        return held.removeValue(forKey: job)
    }

    /// Fails a job whose answer a rule does not allow. Its tokens are wasted.
    package mutating func forbidden(_ job: JobID, _ reason: String, _ result: GenerationResult, at now: Duration) {
        guard let job = take(job, wasted: result.usage) else { return }
        var failure = JobFailure(lease: job.lease, RequestError(.contentPolicy, reason))
        (failure.usage, failure.computation, failure.wall) = (result.usage, computation(of: job), now - job.claimedAt)
        failures.append(failure)
    }

    /// Records the mode in which a job runs.
    package mutating func prepared(_ job: JobID, _ mode: ReasoningMode) { held[job]?.mode = mode }

    private func computation(of job: Held) -> Computation {
        Computation(mode: job.mode, model: job.adapter?.name ?? modelName, origin: origin(of: job))
    }

    private func origin(of job: Held) -> String? { job.adapter?.origin ?? origin }

    /// Records new tokens of jobs that are still running.
    package mutating func progressed(_ pieces: [OutputPiece]) {
        for piece in pieces {
            guard let job = held[piece.job] else { continue }
            checkpoints.append(
                JobCheckpoint(
                    lease: job.lease, choice: piece.choice, firstToken: piece.firstToken, tokens: piece.tokens,
                    mode: job.mode))
        }
    }

    /// Checkpoints of the jobs that are still running.
    package var checkpointsToWrite: [JobCheckpoint] {
        checkpoints.filter { held[$0.lease.job]?.lease == $0.lease }
    }

    /// The same by origin; those without one cannot be resumed and are left out.
    package var checkpointsByOrigin: [(origin: String, pieces: [JobCheckpoint])] {
        let groups = Dictionary(grouping: checkpointsToWrite) { piece in
            held[piece.lease.job].flatMap { origin(of: $0) }
        }
        return groups.compactMap { key, pieces in key.map { (origin: $0, pieces: pieces) } }
            .sorted { $0.origin < $1.origin }
    }

    /// Drops the checkpoints: the database has answered all of `checkpointsToWrite`. Those of locked jobs are kept for
    /// `retryCheckpoints`.
    package mutating func checkpointsWritten(locked: Set<JobID> = []) {
        lockedCheckpoints += checkpoints.filter { locked.contains($0.lease.job) }
        checkpoints = []
    }

    /// Records that the runner cannot continue these jobs at the moment. No token of theirs is wasted.
    package mutating func returned(_ jobs: [JobID]) {
        for job in jobs where !isOwed(job) {
            if let release = stopping.removeValue(forKey: job) {
                releases.append(release)
            } else if held[job] != nil {
                leaving.insert(job)
            }
        }
    }

    /// Queues the releases of returned jobs that have no checkpoint left to write.
    ///
    /// - Returns: true when there are any.
    package mutating func releaseLeaving(at now: Duration) -> Bool {
        let unwritten = Set((checkpoints + lockedCheckpoints).map(\.lease.job))
        let ready = leaving.subtracting(unwritten).sorted()
        for id in ready {
            leaving.remove(id)
            if let job = held.removeValue(forKey: id) { releases.append(release(of: job, at: now)) }
        }
        return !ready.isEmpty
    }

    /// Queues the checkpoints of locked jobs for another write.
    package mutating func retryCheckpoints() {
        checkpoints = lockedCheckpoints + checkpoints
        lockedCheckpoints = []
    }

    /// Fails a job whose result cannot be stored: another attempt would compute the same result. Its tokens are wasted.
    package mutating func resultRefused(_ completion: JobCompletion, _ reason: String) {
        var failure = JobFailure(
            lease: completion.lease, code: "result_refused", message: reason, param: nil, retryable: false,
            usage: completion.usage, wall: completion.wall)
        failure.computation = completion.computation
        failures.append(failure)
    }

    /// Drops writes that the database has answered.
    package mutating func written(completions: Int = 0, failures: Int = 0, releases: Int = 0) {
        self.completions.removeFirst(completions)
        self.failures.removeFirst(failures)
        self.releases.removeFirst(releases)
    }

    /// Stops one unfinished job. It is released once its wasted tokens are known.
    ///
    /// - Returns: false when the job is not held any more.
    package mutating func stop(_ job: JobID, at now: Duration) -> Bool {
        guard let job = held.removeValue(forKey: job) else { return false }
        if leaving.remove(job.lease.job) != nil {
            releases.append(release(of: job, at: now))
            return false
        }
        stopping[job.lease.job] = release(of: job, at: now)
        return true
    }

    /// Records that the runner no longer runs these jobs.
    ///
    /// - Parameter isInterrupted: true when the runner returned all jobs for a shutdown. `takeLeases` then drops them.
    package mutating func stopped(_ usages: [JobID: Usage], at now: Duration, isInterrupted: Bool) {
        for (job, usage) in usages.sorted(by: { $0.key < $1.key }) {
            if isOwed(job) { continue }
            if var release = stopping.removeValue(forKey: job) {
                release.usage = usage
                releases.append(release)
            } else if isInterrupted {
                returned.insert(job)
            } else if let job = held.removeValue(forKey: job) {
                var release = self.release(of: job, at: now)
                release.usage = usage
                releases.append(release)
            }
        }
    }

    private func release(of job: Held, at now: Duration) -> JobRelease {
        var release = JobRelease(lease: job.lease, wall: now - job.claimedAt)
        release.computation = computation(of: job)
        return release
    }

    /// Counts an answer of the runner to a dropped job. Returns false when the answer is for a held job.
    private mutating func isOwed(_ job: JobID) -> Bool {
        guard let count = abandoned[job] else { return false }
        abandoned[job] = count > 1 ? count - 1 : nil
        return true
    }

    /// Queues the releases of all unfinished jobs.
    ///
    /// - Returns: number of released jobs.
    package mutating func releaseAll() -> Int {
        let leases = takeLeases()
        releases += leases.map { JobRelease(lease: $0) }
        return leases.count
    }

    /// Drops all unfinished jobs: other workers have them, or they are about to be released.
    ///
    /// - Returns: their leases.
    package mutating func takeLeases() -> [JobLease] {
        for job in held.keys where !returned.contains(job) && !leaving.contains(job) { abandoned[job, default: 0] += 1 }
        defer {
            held = [:]
            returned = []
            leaving = []
        }
        return leases
    }
}
