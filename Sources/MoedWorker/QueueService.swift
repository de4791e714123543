package import Logging
package import MoedCore
import MoedHost
import MoedQueue
package import MoedSystemd
import ServiceLifecycle
import Synchronization

/// The queue's side of a worker: it opens one connection after another and runs rounds of work on each.
///
/// One task does all the work but for the renewal of the lease (``LeaseTask``). Without a connection, jobs continue in
/// the runner and their results wait here. Separate classes handle leases, claims, outcomes and maintenance:
/// ``LeaseKeeper``, ``JobClaimer``, ``OutcomeWriter``, ``QueueMaintenance``.
package actor QueueService: Service {
    private static let lastingConnection = Duration.seconds(30)
    /// Maximum time for an interrupted runner to return its jobs.
    private static let returnTimeMax = Duration.seconds(10)

    private let connect: @Sendable () async throws -> any WorkerStore
    private let renewal: LeaseTask
    private let runner: any JobRunner
    private let inbox: Inbox
    private let progress: ProgressCounter
    private let report: WorkerReport
    private let notifier: ServiceNotifier
    private let log: Logger

    private let state: WorkerState
    private let story: JobStory
    private let lease: LeaseKeeper
    private let claimer: JobClaimer
    private let answers: AnswerJudge
    private let outcomes: OutcomeWriter
    private let requests: RequestRecorder
    private let endpoints: EndpointReporter
    private let maintenance: QueueMaintenance

    private let isAskedToStop = Atomic<Bool>(false)
    private var stoppingSince: Duration?
    private var interruptedAt: Duration?
    private var outage = OutageLog()

    /// - Parameters:
    ///   - inbox: receives the runner's events and the queue's notifications.
    ///   - progress: advances with every round; the watchdog reads it.
    ///   - modelName: name of the model in the stored chat-completion objects.
    ///   - connections: nil opens connections with `settings.conninfo`.
    package init(
        settings: WorkerSettings, runner: any JobRunner, inbox: Inbox, progress: ProgressCounter,
        surroundings: Surroundings, modelName: String,
        connections: Connections? = nil
    ) {
        self.runner = runner
        self.inbox = inbox
        self.progress = progress
        report = surroundings.report
        notifier = surroundings.notifier
        log = surroundings.log
        let connections = connections ?? Connections(settings)
        connect = connections.queue
        let state = WorkerState(
            settings: settings, runner: runner, modelName: modelName, inquirer: surroundings.inquirer)
        self.state = state
        story = JobStory(state, report: report, log: log)
        let workerLease = WorkerLease(
            length: settings.lease, runner: runner, report: report, clock: state.clock)
        lease = LeaseKeeper(state, lease: workerLease, log: log)
        renewal = LeaseTask(
            lease: workerLease, interval: settings.beatInterval,
            connect: connections.lease, inbox: inbox, log: log)
        claimer = JobClaimer(state, report: report, log: log)
        answers = AnswerJudge(state, report: surroundings.report, inbox: inbox, log: log)
        outcomes = OutcomeWriter(state, report: report, log: log)
        requests = RequestRecorder(state, log: log)
        endpoints = EndpointReporter(state)
        maintenance = QueueMaintenance(state, report: report, log: log)
    }

    /// The ways to open a worker's two connections.
    package struct Connections: Sendable {
        let queue: @Sendable () async throws -> any WorkerStore
        let lease: @Sendable () async throws -> any LeaseStore

        /// - Parameter lease: opens the connection for renewals of the lease.
        package init(
            queue: @escaping @Sendable () async throws -> any WorkerStore,
            lease: @escaping @Sendable () async throws -> any LeaseStore
        ) {
            self.queue = queue
            self.lease = lease
        }

        init(_ settings: WorkerSettings) {
            self.init(
                queue: { try await JobStore.connect(conninfo: settings.conninfo, applicationName: "moed") },
                lease: {
                    try await JobStore.connectForLease(conninfo: settings.conninfo, lease: settings.lease)
                })
        }
    }

    /// Receivers of a worker's reports (its status, the service manager, the log), and services that it asks.
    package struct Surroundings: Sendable {
        package var report: WorkerReport
        package var notifier: ServiceNotifier
        package var log: Logger
        package var inquirer: any ContentInquirer = NoInquirer()

        package init(report: WorkerReport, notifier: ServiceNotifier, log: Logger) {
            self.report = report
            self.notifier = notifier
            self.log = log
        }
    }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { [renewal] group in
                group.addTask { await renewal.run() }
                await serve()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.isAskedToStop.store(true, ordering: .relaxed)
            self.inbox.wake.signal()
        }
    }

    private var settings: WorkerSettings { state.settings }

    /// Start of the grace period; nil before a request to stop. The first call after the request begins the period.
    private func stopTime() -> Duration? {
        guard isAskedToStop.load(ordering: .relaxed) else { return nil }
        if let stoppingSince { return stoppingSince }
        stoppingSince = state.now
        log.notice(
            "stopping: \(state.jobs.count) jobs running, waiting up to \(settings.shutdownGrace) for them")
        report.update { $0.phase = .stopping }
        notifier.send(
            .stopping, .status("Stopping, \(state.jobs.count) jobs running"),
            .extendTimeout(settings.shutdownGrace + .seconds(30)))
        return stoppingSince
    }

    /// Serves on one connection after another until stopped or drained.
    private func serve() async {
        var backoff = Backoff()
        while true {
            progress.advance()
            let attemptedAt = state.now
            do {
                let store = try await connected()
                try await lease.register(store)
                lease.connected()
                let isDone = try await serve(on: store)
                await store.close()
                if isDone { return }
            } catch {
                // Only a lasting connection resets the backoff, not one that fails at its first statement.
                if state.now - attemptedAt > Self.lastingConnection { backoff.reset() }
                let wait = backoff.next()
                let lost = DatabaseOutage(error, after: report.current.outage)
                report.update { $0.outage = lost }
                log.log(
                    level: outage.failed("\(error)", at: state.now) ? .warning : .debug,
                    "database: \(lost.text); trying again in \(wait.seconds) s")
                if let since = stopTime(), state.now - since >= settings.shutdownGrace {
                    log.warning(
                        """
                        stopping without the database: it may show \(state.jobs.count) jobs as running until the \
                        lease ends
                        """)
                    return
                }
                await pause(wait)
            }
        }
    }

    /// Opens a connection. Silent hosts may take minutes: the watchdog sees the waiting, and a stop does not wait for
    /// them.
    private func connected() async throws -> any WorkerStore {
        let attempt = Attempt(connect)
        let store = try await attempt.value(every: .seconds(1)) {
            progress.advance()
            return stopTime().map { state.now - $0 < settings.shutdownGrace } ?? true
        }
        guard let store else { throw QueueError(.database, "the server has not answered before the end") }
        return store
    }

    /// Waits for `length`, even if jobs end meanwhile. Only a request to stop shortens the wait.
    private func pause(_ length: Duration) async {
        var end = state.now + length
        if let stoppingSince { end = min(end, stoppingSince + settings.shutdownGrace) }
        while state.now < end, stoppingSince != nil || !isAskedToStop.load(ordering: .relaxed) {
            await inbox.wake.wait(atMost: end - state.now)
        }
    }

    /// Runs rounds on one connection. Returns true when no work is left; throws when the connection fails.
    private func serve(on store: any WorkerStore) async throws -> Bool {
        var schedule = QueueSchedule(
            beatInterval: settings.beatInterval, pollInterval: settings.pollInterval, now: state.now)
        while true {
            progress.advance()
            let wokenUp = takeEvents()
            schedule.pollInterval = settings.pollInterval
            let due = schedule.take(now: state.now, wokenUp: wokenUp)
            try await lease.settleLoss(store)
            try await write(store, due)
            if due.contains(.stop) {
                try await outcomes.stopUnwanted(store)
                try await endpoints.report(store, isBeat: due.contains(.beat))
            }
            try await lease.releaseUnknown(store)
            if let since = stopTime() {
                if try await stopRound(store, since: since) { return true }
            } else {
                if due.contains(.maintain) || lease.takeChange() { try await lease.registerModels(store) }
                if due.contains(.maintain) { try await maintenance.maintain(store) }
                if due.contains(.poll) { try await claimer.claim(store) }
                if try await isDrained(store) {
                    try await leave(store)
                    return true
                }
            }
            await inbox.wake.wait(atMost: idleTime(schedule))
        }
    }

    private func idleTime(_ schedule: QueueSchedule) -> Duration {
        let longest: Duration = stoppingSince == nil ? .seconds(5) : .milliseconds(50)
        let retry = state.jobs.delayed.nextDue.map { max(.milliseconds(10), $0 - state.now) } ?? longest
        let record = state.requests.retryAt.map { max(.milliseconds(10), $0 - state.now) } ?? longest
        let rules: Duration = answers.isWaiting ? .milliseconds(250) : longest
        return min(schedule.idleTime(now: state.now), retry, record, rules, longest)
    }

    /// Writes all pending outcomes and checkpoints. Renews the lease first when its own task could not.
    private func write(_ store: any WorkerStore, _ due: QueueSchedule.Due) async throws {
        // After an outage the lease may have expired: it is renewed before results are written.
        if lease.isUrgent, try await lease.beat(store) { claimer.forgetBacklog() }
        try await requests.write(store)
        try await answers.judge(store)
        try await state.writeVerdicts(store)
        try await outcomes.write(store)
        if let length = outage.ended(at: state.now) {
            log.notice("database: back after \(Int(length.seconds.rounded(.up))) s")
        }
        if report.current.outage != nil { report.update { $0.outage = nil } }
        if due.contains(.beat) {
            state.jobs.retryCheckpoints()
            try await lease.readFirstToken(store)
        }
        try await outcomes.writeCheckpoints(store)
        if state.jobs.releaseLeaving(at: state.now) { try await outcomes.write(store) }
        lease.noteState()
    }

    private func isDrained(_ store: any WorkerStore) async throws -> Bool {
        guard settings.drains, state.jobs.count == 0, !state.hasWrites else { return false }
        let models = runner.models
        let left = try await unlessHeldUp { () async throws(QueueError) in
            try await store.remaining(models: models)
        }
        guard let left else { return false }
        return left.isEmpty || claimer.leavesAll && left.running == 0 && left.retrying == 0
    }

    /// Processes the events of the inbox. Returns true when claiming may find work.
    private func takeEvents() -> Bool {
        var wokenUp = false
        for event in inbox.takeAll() {
            switch event {
            case .notified:
                claimer.forgetBacklog()
                wokenUp = true
            case .judged(let number, let verdicts): answers.take(number, verdicts)
            case .settings(let settings): state.settings.reload(settings)
            case .models(let change):
                change()
                lease.modelsChanged()
                claimer.forgetBacklog()
                wokenUp = true
            case .runner(let event):
                note(event)
                if take(event) { wokenUp = true }
            }
        }
        return wokenUp
    }

    /// Applies an event to the jobs. Returns true when the event freed capacity.
    private func take(_ event: RunnerEvent) -> Bool {
        switch event {
        case .refused(let job, let error, let wasted): state.refused(job, error, wasted: wasted)
        case .prepared(let job, let mode):
            state.jobs.prepared(job, mode)
            return false
        case .judged(let job, let verdicts):
            state.judged(job, verdicts)
            return false
        case .finished(let job, let result):
            answers.take(job, result)
        case .failed(let job, let error, let wasted):
            state.jobs.failed(job, error, wasted: wasted, at: state.now)
        case .progressed(let pieces):
            state.jobs.progressed(pieces)
            return false
        case .stopped(let usages):
            state.jobs.stopped(usages, at: state.now, isInterrupted: interruptedAt != nil)
            return false
        case .returned(let jobs):
            state.jobs.returned(jobs)
            return false
        case .opening(let new):
            state.requests.opening(new)
            return false
        case .spent(let spending):
            state.requests.spent(spending)
            return false
        }
        return true
    }

    private func note(_ event: RunnerEvent) {
        switch event {
        case .refused: report.update { $0.failed += 1 }
        case .failed(let job, let error, _):
            log.error("job failed: \(error)", metadata: ["job_id": "\(job)", "event": "failed"])
            report.update { $0.failed += 1 }
        case .returned(let jobs):
            log.notice("\(jobs.count) jobs go back to the queue: no engine can continue them at the moment")
        case .prepared(let job, let mode): story.started(job, mode)
        case .judged, .finished, .progressed, .stopped, .opening, .spent: break
        }
    }

    /// Runs one round of a shutdown. Returns true once all jobs are written.
    ///
    /// At the end of the grace period the other jobs are released, and no attempt is used.
    private func stopRound(_ store: any WorkerStore, since: Duration) async throws -> Bool {
        if state.jobs.count == 0, !state.hasWrites {
            try await leave(store)
            return true
        }
        guard state.now - since >= settings.shutdownGrace else { return false }
        if interruptedAt == nil {
            // A sweep of a streamed model may take a minute. Its jobs return in their state before the sweep.
            interruptedAt = state.now
            runner.interrupt()
        }
        let isOverdue = state.now - (interruptedAt ?? state.now) >= Self.returnTimeMax
        _ = takeEvents()
        try await answers.judge(store)
        guard state.jobs.areAllReturned || isOverdue else { return false }
        try await requests.write(store)
        try await state.writeVerdicts(store)
        try await outcomes.write(store)
        state.jobs.retryCheckpoints()
        try await outcomes.writeCheckpoints(store)
        try await outcomes.releaseAll(store)
        if !state.jobs.delayed.isEmpty {
            guard isOverdue else { return false }
            log.warning(
                "stopping with \(state.jobs.delayed.entries.count) jobs locked by other transactions: they run again"
            )
        }
        try await leave(store)
        return true
    }

    /// Ends the worker's registration; a draining worker then counts the jobs that are left.
    private func leave(_ store: any WorkerStore) async throws {
        answers.end()
        try await lease.unregister(store)
        guard settings.drains else { return }
        let left = try await store.leftover(models: runner.models)
        report.update { $0.leftover = left }
    }
}
