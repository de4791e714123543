package import MoedCore
package import MoedQueue

/// A worker without a model: it does to the queue what a daemon does, and its answers are made up.
package actor SimulatedWorker {
    /// A length of tokens that a job's number determines, so that whoever answers it answers alike.
    package static func completion(of lease: JobLease) -> JobCompletion {
        var usage = Usage()
        usage.prompt = 12
        usage.answer = 1 + Int(lease.job.rawValue % 50)
        return JobCompletion(
            lease: lease, content: "answer to \(lease.job)", reasoning: nil, finishReason: .stop,
            body: #"{"object":"chat.completion","choices":[]}"#, seed: UInt64(lease.job.rawValue),
            usage: usage,
            wall: .milliseconds(1))
    }

    package private(set) var id: WorkerID
    package private(set) var held: [ClaimedJob] = []
    private var known = KnownBacklog()
    private let store: JobStore
    private let lease: Duration
    private let origin = ContinuousClock.now

    private init(_ store: JobStore, _ id: WorkerID, _ lease: Duration) {
        self.store = store
        self.id = id
        self.lease = lease
    }

    /// - Parameter lease: longer than any scenario unless given, so that a slow machine ends none.
    package static func start(
        in database: RehearsalDatabase, lease: Duration = .seconds(86_400)
    ) async throws -> SimulatedWorker {
        let store = try await JobStore.connect(conninfo: database.conninfo, applicationName: "moed simulated")
        let id = try await store.registerWorker(
            WorkerRegistration(
                host: Host.name, pid: Host.processID, version: Version.text, models: ["default"], lease: lease
            ))
        return SimulatedWorker(store, id, lease)
    }

    /// What a killed process leaves behind: its connection ends, and nothing else happens.
    package func vanish() async { await store.close() }

    /// - Returns: false when it was taken for dead.
    @discardableResult
    package func beat(idle: Bool) async throws -> Bool {
        try await store.beat(id, WorkerBeat(lease: lease, idle: idle, running: held.count))
    }

    /// Claims from one group, after a look where it begins.
    @discardableResult
    package func claim(
        _ group: JobGroup = RehearsalDatabase.group, limit: Int, maxWait: Duration = .seconds(60)
    ) async throws -> Int {
        try await keep(
            store.claim(id, group, limit: limit, maxWait: maxWait, computedBy: "simulated"))
    }

    /// Claims from a group where a look found it to begin.
    @discardableResult
    package func claim(_ backlog: GroupBacklog, limit: Int) async throws -> Int {
        try await keep(
            store.claim(
                id, backlog, limit: limit, maxWait: .seconds(60), computedBy: "simulated"))
    }

    private func keep(_ claimed: [ClaimedJob]) -> Int {
        held += claimed
        return claimed.count
    }

    package func backlog() async throws -> [GroupBacklog] { try await store.backlog(models: ["default"]) }

    /// Looks at the backlog, then takes from its first group.
    @discardableResult
    package func claimNext(limit: Int) async throws -> Int {
        try await look()
        return try await claimKnown(limit: limit)
    }

    package func look() async throws {
        let start = now
        known.looked(try await backlog(), from: start, to: now)
    }

    /// Whether a daemon would look before it claims.
    package var needsLook: Bool { known.needsLook(now: now) }

    /// Takes from the first group that the last look found.
    @discardableResult
    package func claimKnown(limit: Int) async throws -> Int {
        guard let next = known.groups.first(where: { $0.queued > 0 }) else { return 0 }
        let limit = next.group.bucket == JobGroup.quarantine ? 1 : limit
        let count = try await claim(next, limit: limit)
        known.claimed(held.suffix(count), of: limit, in: next.group)
        return count
    }

    private var now: Duration { origin.duration(to: .now) }

    /// Answers all it holds; forgets them whatever the database says.
    @discardableResult
    package func completeAll() async throws -> Int {
        let jobs = held
        held = []
        return try await complete(jobs).count { $0 == .committed }
    }

    /// Answers jobs that another worker may have claimed, as after a lost connection.
    package func complete(_ jobs: [ClaimedJob]) async throws -> [Disposition] {
        try await store.complete(jobs.map { Self.completion(of: $0.lease) })
    }

    /// Every write there is, for all it holds.
    /// - Returns: how many were taken.
    package func tryEverything() async throws -> Int {
        let kept = try await store.checkpoint(
            held.map { JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1]) },
            computedBy: "simulated"
        ).count
        var answers = try await complete(held)
        answers += try await store.fail(
            held.map { JobFailure(lease: $0.lease, code: "late", message: "late", retryable: false) })
        answers += try await store.release(held.map { JobRelease(lease: $0.lease) })
        held = []
        return kept + answers.count { $0 != .stale }
    }

    /// Gives up what was cancelled.
    /// - Returns: how many.
    package func stopUnwanted() async throws -> Int {
        let unwanted = Set(try await store.toBeStopped(id))
        _ = try await store.release(
            held.filter { unwanted.contains($0.id) }.map { JobRelease(lease: $0.lease) })
        held.removeAll { unwanted.contains($0.id) }
        return unwanted.count
    }

    /// Claims and answers.
    /// - Returns: how many it claimed.
    @discardableResult
    package func answerNext(limit: Int) async throws -> Int {
        let claimed = try await claimNext(limit: limit)
        try await completeAll()
        return claimed
    }

    package func checkpointAll(tokens: Int) async throws {
        _ = try await store.checkpoint(
            held.map {
                JobCheckpoint(
                    lease: $0.lease, choice: 0, firstToken: 0, tokens: Array(repeating: 7, count: tokens))
            }, computedBy: "simulated")
    }

    @discardableResult
    package func maintain() async throws -> MaintenanceReport { try await store.maintain() }

    /// Is woken by single inserts.
    /// - Parameter show: told how many there were so far.
    /// - Returns: seconds from before an insert is sent to after its job was claimed.
    package func timesToWake(
        _ count: Int, in database: RehearsalDatabase, show: (Int) -> Void = { _ in }
    ) async throws -> Sample {
        let listener = try await JobListener.connect(conninfo: database.conninfo)
        let clock = ContinuousClock()
        var times: [Double] = []
        for index in 0..<count {
            show(index)
            try await beat(idle: true)
            let start = clock.now
            async let isWoken = listener.next(timeout: .seconds(60))
            try await database.enqueue(1)
            guard try await isWoken, try await claimNext(limit: 64) == 1 else {
                throw ConfigurationProblem("no notification arrived within a minute")
            }
            times.append((clock.now - start).seconds)
            try await completeAll()
        }
        try await beat(idle: false)
        await listener.close()
        return Sample(times)
    }

    package func prune(olderThan age: Duration) async throws {
        while try await store.prune(olderThan: age) == JobStore.rowsPerStatementMax {}
    }
}
