import Logging
import MoedBatching
import MoedCore
import MoedHost
import MoedPostgres
import MoedQueue
import MoedSystemd
import ServiceLifecycle
import Synchronization

/// The database side of the daemon: claims jobs for free slots, keeps the lease, writes what ended.
///
/// One task does all of it, in rounds on one connection after another. While there is none the jobs go on in the
/// engine and their results wait here.
actor QueueService: Service {
    private static let lastingConnection = Duration.seconds(30)

    let settings: Settings
    let drains: Bool
    let inference: InferenceService
    let inbox: Inbox
    let progress: ProgressCounter
    let log: Logger
    let jobsToPrepare: AsyncStream<ClaimedJob>.Continuation
    let report: DaemonReport
    /// What tokens depend on beside the request: whose checkpoints this worker can go on from.
    let computedBy: String
    let clock = ContinuousClock()
    let origin: ContinuousClock.Instant

    var jobs: RunningJobs
    var worker: WorkerID?
    var currentGroup: JobGroup?
    var backlog = KnownBacklog()
    var wasIdle = false
    /// When the last renewal that was confirmed had been asked for: the lease counts from there at most.
    var renewedAt = Duration.zero
    var nextPruning = Duration.zero
    var nextReconciliation = Duration.zero
    private let notifier: ServiceNotifier
    private let isAskedToStop = Atomic<Bool>(false)
    private var stoppingSince: Duration?
    private var outage = OutageLog()

    init(
        settings: Settings, drains: Bool, inference: InferenceService, inbox: Inbox,
        progress: ProgressCounter,
        jobsToPrepare: AsyncStream<ClaimedJob>.Continuation, report: DaemonReport, notifier: ServiceNotifier,
        computedBy: String, log: Logger
    ) {
        self.settings = settings
        self.drains = drains
        self.inference = inference
        self.inbox = inbox
        self.progress = progress
        self.jobsToPrepare = jobsToPrepare
        self.report = report
        self.computedBy = computedBy
        self.notifier = notifier
        self.log = log
        jobs = RunningJobs(modelName: settings.model.name)
        origin = clock.now
    }

    var now: Duration { origin.duration(to: clock.now) }

    /// Names under which jobs can ask for this worker's model.
    var models: [String] {
        settings.model.servesDefault ? [settings.model.name, "default"] : [settings.model.name]
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await serve()
        } onGracefulShutdown: {
            self.isAskedToStop.store(true, ordering: .relaxed)
            self.inbox.wake.signal()
        }
    }

    /// When the grace period began; nil while nobody asked to stop.
    private func stopTime() -> Duration? {
        guard isAskedToStop.load(ordering: .relaxed) else { return nil }
        if let stoppingSince { return stoppingSince }
        stoppingSince = now
        log.notice("stopping: \(jobs.count) jobs running, waiting up to \(settings.shutdownGrace) for them")
        report.update { $0.phase = .stopping }
        notifier.send(
            .stopping, .status("Stopping, \(jobs.count) jobs running"),
            .extendTimeout(settings.shutdownGrace + .seconds(30)))
        return stoppingSince
    }

    /// Serves on one connection after another until stopped or drained.
    private func serve() async {
        var backoff = Backoff()
        while true {
            progress.advance()
            let attemptedAt = now
            do {
                let store = try await JobStore.connect(
                    conninfo: settings.database.url, applicationName: "moed")
                report.update { $0.databaseLostSince = nil }
                try await ensureRegistered(store)
                nextReconciliation = now
                let isDone = try await serve(on: store)
                await store.close()
                if isDone { return }
            } catch {
                // A connection that lasted was a good one; one that fails at its first statement is none.
                if now - attemptedAt > Self.lastingConnection { backoff.reset() }
                let wait = backoff.next()
                log.log(
                    level: outage.failed("\(error)", at: now) ? .warning : .debug,
                    "database: \(error); trying again in \(wait.seconds) s")
                report.update { $0.databaseLostSince = $0.databaseLostSince ?? now }
                if let since = stopTime(), now - since >= settings.shutdownGrace {
                    log.warning(
                        "stopping without the database: it may show \(jobs.count) jobs as running until the lease ends"
                    )
                    return
                }
                await pause(wait)
            }
        }
    }

    /// Waits the whole time, however many jobs end meanwhile; only being asked to stop cuts it short.
    private func pause(_ length: Duration) async {
        var end = now + length
        if let stoppingSince { end = min(end, stoppingSince + settings.shutdownGrace) }
        while now < end, stoppingSince != nil || !isAskedToStop.load(ordering: .relaxed) {
            await inbox.wake.wait(atMost: end - now)
        }
    }

    /// Rounds on one connection. Returns when there is nothing more to do; throws when the connection fails.
    private func serve(on store: JobStore) async throws -> Bool {
        var schedule = QueueSchedule(
            beatInterval: settings.queue.beatInterval, pollInterval: settings.queue.pollInterval, now: now)
        while true {
            progress.advance()
            let wokenUp = takeEvents()
            let due = schedule.take(now: now, wokenUp: wokenUp)
            if due.contains(.beat) { jobs.retryPostponed() }
            // After an outage the lease may be over: first it is made sure that the jobs are still ours.
            if now - renewedAt >= settings.queue.lease * 3 / 4 { try await beat(store) }
            try await writeOutcomes(store)
            if let length = outage.ended(at: now) {
                log.notice("database: back after \(Int(length.seconds.rounded(.up))) s")
            }
            try await writeCheckpoints(store)
            if due.contains(.beat) || isIdle != wasIdle { try await beat(store) }
            if due.contains(.stop) { try await stopUnwanted(store) }
            try await releaseUnknown(store)
            if let since = stopTime() {
                if try await stopRound(store, since: since) { return true }
            } else {
                if due.contains(.maintain) { try await maintain(store) }
                if due.contains(.poll) { try await claim(store) }
                if drains, jobs.count == 0, !jobs.hasWrites, try await store.remaining(models: models).isEmpty
                {
                    try await unregister(store)
                    return true
                }
            }
            await inbox.wake.wait(
                atMost: min(
                    schedule.idleTime(now: now), stoppingSince == nil ? .seconds(5) : .milliseconds(50)))
        }
    }

    /// Takes in what other threads reported. Returns true when claiming may find work.
    private func takeEvents() -> Bool {
        var wokenUp = false
        for event in inbox.takeAll() {
            switch event {
            case .prepared(let job):
                // Cancelled or released while it was being prepared.
                if !jobs.prepared(job) { inference.stop([job]) }
            case .refused(let job, let error):
                log.info(
                    "job refused: \(error.code.rawValue)", metadata: ["job_id": "\(job)", "event": "refused"])
                jobs.refused(job, error)
                report.update { $0.failed += 1 }
                wokenUp = true
            case .ended(let outcome):
                note(outcome)
                jobs.ended(outcome, at: now, unixTime: UnixTime.now)
                wokenUp = true
            case .progressed(let pieces): jobs.progressed(pieces)
            case .stopped(let usages): jobs.stopped(usages)
            case .notified:
                backlog.forget()
                wokenUp = true
            }
        }
        return wokenUp
    }

    private func note(_ outcome: GenerationLoop.Outcome) {
        switch outcome {
        case .finished(let job, let result):
            log.info(
                "job finished: \(result.usage.completion) tokens, \(result.choices.first?.finishReason.rawValue ?? "")",
                metadata: ["job_id": "\(job)", "event": "finished"])
            report.update { $0.succeeded += 1 }
        case .failed(let job, let error):
            log.error("job failed: \(error)", metadata: ["job_id": "\(job)", "event": "failed"])
            report.update { $0.failed += 1 }
        }
    }

    /// Ends when all jobs are written; at the end of the grace period the rest is released, no attempt used.
    private func stopRound(_ store: JobStore, since: Duration) async throws -> Bool {
        let isOver = now - since >= settings.shutdownGrace
        guard isOver || (jobs.count == 0 && !jobs.hasWrites) else { return false }
        // A sweep of a streamed model may take a minute; its jobs are given back as they were before it.
        inference.interrupt()
        await inference.checkpoint()
        _ = takeEvents()
        try await writeOutcomes(store)
        try await writeCheckpoints(store)
        let leases = jobs.takeLeases()
        await inference.cancel(leases.map(\.job))
        if !leases.isEmpty {
            _ = try await store.release(leases.map { JobRelease(lease: $0) })
            log.notice("released \(leases.count) unfinished jobs")
        }
        try await unregister(store)
        return true
    }
}
