import Logging
import MoedCore
import MoedHost
package import MoedLocal
package import MoedQueue
import MoedWorker

/// A worker without a model that runs one step at a time: the daemon's own parts with an `EchoRunner`.
package actor SimulatedWorker {
    private let recorder: RecordingStore
    private let runner = EchoRunner()
    private let inbox = Inbox()
    private let state: WorkerState
    private let lease: LeaseKeeper
    private let claimer: JobClaimer
    private let outcomes: OutcomeWriter
    /// Id of the row registered at the start.
    package nonisolated let id: WorkerID

    private init(_ store: JobStore, _ settings: WorkerSettings) async throws {
        var log = Logger(label: "rehearsal")
        log.logLevel = .critical
        recorder = RecordingStore(store)
        let (report, inbox) = (WorkerReport(), inbox)
        runner.listen { inbox.put(.runner($0)) }
        let state = WorkerState(settings: settings, runner: runner, modelName: "default")
        self.state = state
        let workerLease = WorkerLease(
            length: settings.lease, runner: runner, report: report, clock: state.clock)
        lease = LeaseKeeper(state, lease: workerLease, log: log)
        claimer = JobClaimer(state, report: report, log: log)
        outcomes = OutcomeWriter(state, report: report, log: log)
        id = try await store.registerWorker(
            WorkerRegistration(
                host: "rehearsal", pid: 1, version: Version.text, models: ["default"], lease: settings.lease))
        state.worker = id
        workerLease.registered(id, at: state.now)
    }

    package static func start(
        in database: RehearsalDatabase, lease: Duration = .seconds(86_400), maxWait: Duration = .seconds(60)
    ) async throws -> SimulatedWorker {
        let store = try await JobStore.connect(conninfo: database.conninfo, applicationName: "moed simulated")
        let settings = WorkerSettings(conninfo: database.conninfo, lease: lease, maxWait: maxWait)
        return try await SimulatedWorker(store, settings)
    }

    package var held: [ClaimedJob] { recorder.held }

    /// Closes the connection without any other cleanup, like the death of a process.
    package func vanish() async { await recorder.close() }

    /// - Returns: false when the worker was declared dead.
    @discardableResult
    package func beat(idle: Bool) async throws -> Bool {
        let before = state.worker
        runner.setRoom(idle ? 1 : 0)
        if try await lease.beat(recorder) { claimer.forgetBacklog() }
        return state.worker == before
    }

    /// Polls, then claims from the next job class.
    @discardableResult
    package func claimNext(limit: Int) async throws -> Int {
        try await look()
        return try await claimKnown(limit: limit)
    }

    package func look() async throws { try await claimer.look(recorder) }

    /// True when a daemon would poll before claiming.
    package var needsLook: Bool { claimer.needsLook }

    /// Claims from the next job class by the last poll.
    @discardableResult
    package func claimKnown(limit: Int) async throws -> Int {
        guard case .claimed(_, let count) = try await claimer.claimNext(recorder, room: limit) else { return 0 }
        return count
    }

    /// Answers all held jobs and forgets them, even if the write is not committed.
    ///
    /// - Returns: number of committed results.
    @discardableResult
    package func completeAll() async throws -> Int {
        _ = recorder.takeHeld()
        for event in runner.answerAll() {
            guard case .finished(let job, let result) = event else { continue }
            state.jobs.finished(job, result, at: state.now, unixTime: 0)
        }
        _ = recorder.takeCommitted()
        try await outcomes.write(recorder)
        // A claim of another worker may hold a row's lock for an instant. The real worker tries again by its schedule.
        while let due = state.jobs.delayed.nextDue {
            try await Task.sleep(for: max(.milliseconds(1), due - state.now))
            try await outcomes.write(recorder)
        }
        return recorder.takeCommitted()
    }

    /// Answers jobs that another worker may have claimed, as a daemon does after a lost connection.
    package func complete(_ jobs: [ClaimedJob]) async throws -> [Disposition] {
        var answered = RunningJobs(modelName: "default")
        for job in jobs {
            answered.claimed(job, at: .zero)
            answered.finished(job.id, EchoRunner.result(of: job.id), at: .zero, unixTime: 0)
        }
        return try await recorder.complete(answered.completions)
    }

    /// Tries checkpoint, completion, failure and release for all held jobs.
    ///
    /// - Returns: number of accepted writes.
    package func tryEverything() async throws -> Int {
        let held = recorder.takeHeld()
        let kept = try await recorder.checkpoint(
            held.map { JobCheckpoint(lease: $0.lease, choice: 0, firstToken: 0, tokens: [1]) },
            computedBy: "simulated"
        ).written.count
        var answers = try await complete(held)
        answers += try await recorder.fail(
            held.map { JobFailure(lease: $0.lease, code: "late", message: "late", retryable: false) })
        answers += try await recorder.release(held.map { JobRelease(lease: $0.lease) })
        return kept + answers.count { $0 != .stale }
    }

    /// Stops cancelled jobs and releases them.
    ///
    /// - Returns: number of stopped jobs.
    package func stopUnwanted() async throws -> Int {
        try await outcomes.stopUnwanted(recorder)
        var stopped: Set<JobID> = []
        for case .runner(.stopped(let usages)) in inbox.takeAll() {
            state.jobs.stopped(usages, at: state.now, isInterrupted: false)
            stopped.formUnion(usages.keys)
        }
        recorder.forget(stopped)
        try await outcomes.write(recorder)
        return stopped.count
    }

    /// Polls, claims and answers.
    ///
    /// - Returns: number of claimed jobs.
    @discardableResult
    package func answerNext(limit: Int) async throws -> Int {
        let claimed = try await claimNext(limit: limit)
        try await completeAll()
        return claimed
    }

    package func checkpointAll(tokens: Int) async throws {
        state.jobs.progressed(
            recorder.held.map {
                OutputPiece(
                    job: $0.id, choice: 0, firstToken: 0, tokens: Array(repeating: 7, count: tokens))
            })
        try await outcomes.writeCheckpoints(recorder)
    }

    @discardableResult
    package func maintain() async throws -> MaintenanceReport { try await recorder.store.maintain() }

    /// Measures the idle worker's reaction to single inserts.
    ///
    /// - Parameter show: receives the number of inserts so far.
    /// - Returns: seconds from before each insert is sent until its job is claimed.
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
        while try await recorder.prune(olderThan: age, limit: JobStore.rowsPerStatementMax)
            == JobStore.rowsPerStatementMax
        {}
    }
}
