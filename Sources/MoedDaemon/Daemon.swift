import Logging
import MoedBatching
import MoedCore
import MoedEngine
import MoedHost
import MoedPostgres
import MoedQueue
import MoedSystemd
import ServiceLifecycle
import UnixSignals

/// Builds the daemon from its settings and runs it. The one place where queue, text and engine meet.
package enum Daemon {
    /// Runs until stopped by a signal or, with `drains`, until no job is left.
    ///
    /// - Parameter routingTrace: a file to record the use of experts in, for `moed replay`; nil records nothing.
    /// - Throws: `ConfigurationProblems` for what an administrator must mend (exit code 78).
    package static func run(
        _ settings: Settings, drains: Bool, showsProgress: Bool, routingTrace: String? = nil
    ) async throws {
        Host.ignoreBrokenPipes()
        Host.leaveAtOnceWhenStopped()
        let supervision = SupervisionEnvironment(Host.environment)
        let log = logger(settings, supervision)
        let notifier = try ServiceNotifier(socket: supervision.notifySocket)
        log.notice("moed \(Version.text) starting, model \(settings.model.path)")
        try await StartupCheck.database(settings, notifier: notifier, log: log)

        let sweepProgress = ProgressCounter(name: "sweep loop")
        let queueProgress = ProgressCounter(name: "database loop")
        let runner = try loadModel(settings, notifier, log)
        let (preparer, engineProgress, summary) = (runner.preparer, runner.engine.progress, runner.summary)
        let (memory, plan, batch) = (runner.memory, runner.plan, runner.batch)
        let streaming = runner.engine.streaming
        try runner.engine.recordRouting(to: routingTrace)
        let report = DaemonReport()
        let inbox = Inbox()
        let loop = GenerationLoop(
            engine: runner.engine, policy: GroupPolicy(maxWait: settings.queue.maxWait),
            prefillChunkMax: batch.prefillChunk,
            // A drain is a night's work: what counts is when its last job ends.
            sweepTimeMax: drains ? nil : settings.engine.sweepTimeMax)
        let inference = try InferenceService(
            loop: loop, progress: sweepProgress, interruption: runner.engine.interruption,
            checkpoints: settings.queue.checkpoints,
            deliver: { outcomes in inbox.put(outcomes.map { .ended($0) }) },
            keep: { pieces in inbox.put([.progressed(pieces)]) },
            stopped: { usages in inbox.put([.stopped(usages)]) })
        let (jobs, continuation) = AsyncStream.makeStream(of: ClaimedJob.self)
        let preparation = PreparationRunner(
            service: try PreparationService(
                preparer: preparer, inference: inference, inbox: inbox, modelName: settings.model.name),
            jobs: jobs)
        let queue = QueueService(
            settings: settings, drains: drains, inference: inference, inbox: inbox, progress: queueProgress,
            jobsToPrepare: continuation, report: report, notifier: notifier,
            computedBy: origin(of: summary, settings), log: log)
        let host = HostService(
            notifier: notifier, report: report, inference: inference, streaming: streaming,
            readProgress: {
                // A sweep may take long: each layer of it counts, and each group of experts that is read.
                [
                    sweepProgress.name: sweepProgress.value &+ UInt64(engineProgress.stepsComputed),
                    queueProgress.name: queueProgress.value,
                ]
            },
            watchdogInterval: supervision.watchdogInterval, showsProgress: showsProgress, log: log)

        // Stopped in reverse: the queue lets its jobs end before the engine beneath it goes.
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: inference), .init(service: preparation),
            .init(service: host, failureTerminationBehavior: .gracefullyShutdownGroup),
        ]
        services += optional(settings, inbox, .init(report, inference, streaming, plan), log)
        services.append(.init(service: queue, successTerminationBehavior: .gracefullyShutdownGroup))
        report.update { $0.phase = .running }
        notifier.send(.ready, .status("Idle"))
        for line in ["ready: \(summary)", memory, batch.text] + StreamingText.start(streaming.current) {
            if let line { log.notice("\(line)") }
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(log)))
        try await group.run()
        notifier.send(.status("Stopped"))
        log.notice("stopped")
    }

    /// Services that settings may leave out.
    private static func optional(
        _ settings: Settings, _ inbox: Inbox, _ metrics: DaemonMetrics.Source, _ log: Logger
    ) -> [ServiceGroupConfiguration.ServiceConfiguration] {
        var services: [any Service] = []
        if let address = settings.statusAddress {
            services.append(StatusService(address: address, metrics: metrics, log: log))
        }
        if settings.queue.listens {
            services.append(ListenService(conninfo: settings.database.url, inbox: inbox, log: log))
        }
        return services.map { .init(service: $0) }
    }

    /// What tokens depend on beside the request.
    private static func origin(of model: String, _ settings: Settings) -> String {
        "\(settings.model.name); \(model); kv \(settings.engine.kvFormat?.rawValue ?? "auto")"
    }

    private static func loadModel(
        _ settings: Settings, _ notifier: ServiceNotifier, _ log: Logger
    ) throws -> ModelRunner {
        var meter = LoadReporter(notifier: notifier, log: log)
        do {
            return try ModelRunner.load(
                directory: settings.model.path,
                options: .init(
                    threads: settings.engine.threads, slots: settings.engine.slots,
                    kvTokens: settings.engine.kvTokens, kvFormat: settings.engine.kvFormat,
                    prefixCache: settings.engine.prefixCache, rowsPerSweep: settings.engine.rowsPerSweep,
                    prefillChunk: settings.engine.prefillChunk, cpu: settings.engine.cpu,
                    maxTokensDefault: settings.maxTokensDefault, formats: settings.model.formats,
                    packCache: settings.model.packCache,
                    budget: settings.memoryBudget.byteCount(of: HostMemory.available),
                    verification: settings.model.verification, isReadyEarly: true),
                progress: { meter.show($0, done: $1, of: $2) })
        } catch let problem as ConfigurationProblem {
            throw problem
        } catch let error as EngineError where error.code == .outOfMemory {
            throw ConfigurationProblem(
                "\(error): lower engine.kv_tokens or engine.slots, or take a machine with more memory")
        } catch {
            throw ConfigurationProblem("model.path: \(error)")
        }
    }

    private static func logger(_ settings: Settings, _ supervision: SupervisionEnvironment) -> Logger {
        let destination = LogDestination(supervision)
        return Logger(label: "moed") { destination.handler(label: $0, level: settings.logLevel) }
    }

    /// The service group's own messages are about its insides.
    private static func quiet(_ log: Logger) -> Logger {
        var result = log
        result.logLevel = max(log.logLevel, .error)
        return result
    }
}

/// Runs the preparation as a service of the group.
private struct PreparationRunner: Service {
    let service: PreparationService
    let jobs: AsyncStream<ClaimedJob>

    func run() async throws {
        // Ends only then: to the group a service that ends earlier is a failure.
        await cancelWhenGracefulShutdown { await service.run(jobs) }
    }
}

/// Tells the service manager how far loading is, and that it goes on: the time it takes is unbounded, a hang is not.
private struct LoadReporter {
    let notifier: ServiceNotifier
    let log: Logger
    private var last: (phase: ModelRunner.Phase, percent: Int)?

    init(notifier: ServiceNotifier, log: Logger) {
        self.notifier = notifier
        self.log = log
    }

    mutating func show(_ phase: ModelRunner.Phase, done: Int, of total: Int) {
        let percent = total > 0 ? done * 100 / total : 100
        guard last?.phase != phase || last?.percent != percent else { return }
        last = (phase, percent)
        let text = "\(phase == .packing ? "Packing" : "Loading") weights \(percent) %"
        notifier.send(.status(text), .extendTimeout(.seconds(60)))
        // Packing takes minutes, once; an administrator wants to know.
        if percent % 10 == 0 { log.log(level: phase == .packing ? .notice : .debug, "\(text)") }
    }
}
