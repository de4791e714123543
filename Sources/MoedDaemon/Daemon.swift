import Logging
import MoedBatching
import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedQueue
import MoedSystemd
import MoedWorker
import ServiceLifecycle
import UnixSignals

/// Builds the daemon from its settings and runs it. Only this type connects queue, text and engine.
package enum Daemon {
    /// Runs until stopped by a signal or, with `drains`, until no job is left.
    ///
    /// - Parameter routingTrace: file that records the use of experts, for `moed replay`; nil records nothing.
    /// - Returns: exit code of a drain, 0 otherwise.
    /// - Throws: `ConfigurationProblems` for problems that an administrator must fix (exit code 78).
    package static func run(
        _ settings: Settings, drains: Bool, showsProgress: Bool, routingTrace: String? = nil
    ) async throws -> Int32 {
        Host.ignoreBrokenPipes()
        Host.leaveAtOnceWhenStopped(isInterruption: drains)
        let supervision = SupervisionEnvironment(Host.environment)
        let log = logger(settings, supervision)
        let notifier = try ServiceNotifier(socket: supervision.notifySocket)
        log.notice("moed \(Version.text) starting, model \(settings.model.directory)")
        try await StartupCheck.database(settings, notifier: notifier, log: log)

        let model = try loadModel(settings, notifier, log)
        try model.engine.recordRouting(to: routingTrace)
        let (engineProgress, streaming) = (model.engine.progress, model.engine.streaming)
        let (plan, start) = (model.plan, ["ready: \(model.summary)", model.memory, model.batch.text])
        let sweepProgress = ProgressCounter(name: "sweep loop")
        let queueProgress = ProgressCounter(name: "database loop")
        let runner = try localRunner(model, settings, drains: drains, progress: sweepProgress)
        let (report, inbox) = (WorkerReport(), Inbox())
        let surroundings = QueueService.Surroundings(report: report, notifier: notifier, log: log)
        let queue = QueueService(
            settings: settings.worker(drains: drains), runner: runner, inbox: inbox, progress: queueProgress,
            surroundings: surroundings, modelName: settings.served.name)
        let host = HostService(
            sources: .init(
                engine: { runner.sweeps.snapshot }, streaming: { streaming.current },
                probe: { await runner.sweeps.answerProbe() },
                progress: {
                    // A sweep may take long, so each of its layers and each set of experts read counts as progress.
                    [
                        sweepProgress.name: sweepProgress.value &+ engineProgress.value,
                        queueProgress.name: queueProgress.value,
                    ]
                }),
            notifier: notifier, report: report, watchdogInterval: supervision.watchdogInterval,
            showsProgress: showsProgress, log: log)

        // Services stop in reverse order: the queue lets its jobs finish before the engine stops.
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: RunnerService(runner: runner, inbox: inbox)),
            .init(service: host, failureTerminationBehavior: .gracefullyShutdownGroup),
        ]
        services.append(.init(service: StopSignal(report: report)))
        services += optional(settings, inbox, report, .init(report, runner.sweeps, streaming, plan), log)
        services.append(.init(service: queue, successTerminationBehavior: .gracefullyShutdownGroup))
        report.update { $0.phase = .running }
        notifier.send(.ready, .status("Idle"))
        for line in start + StreamingText.start(streaming.current) {
            if let line { log.notice("\(line)") }
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: StopSignal.all, logger: quiet(log)))
        try await group.run()
        notifier.send(.status("Stopped"))
        log.notice("stopped")
        return drains ? report.current.drainExitCode : 0
    }

    /// Services that the settings may turn off.
    private static func optional(
        _ settings: Settings, _ inbox: Inbox, _ report: WorkerReport, _ metrics: DaemonMetrics.Source,
        _ log: Logger
    ) -> [ServiceGroupConfiguration.ServiceConfiguration] {
        var services: [any Service] = [
            CensusService(
                conninfo: settings.database.url, models: settings.served.names, report: report, log: log)
        ]
        if let address = settings.statusAddress {
            services.append(StatusService(address: address, metrics: metrics, log: log))
        }
        if settings.queue.listens {
            services.append(ListenService(conninfo: settings.database.url, inbox: inbox, log: log))
        }
        return services.map { .init(service: $0) }
    }

    private static func localRunner(
        _ model: sending ModelRunner, _ settings: Settings, drains: Bool, progress: ProgressCounter
    ) throws -> LocalRunner {
        let (engine, summary, preparer) = (model.engine, model.summary, model.preparer)
        let interruption = engine.interruption
        let loop = GenerationLoop(
            engine: engine, policy: ClassPolicy(maxWait: settings.queue.maxWait),
            prefillChunkMax: model.batch.prefillChunk,
            // The end of a drain's last job matters, not the time between two tokens.
            sweepTimeMax: drains ? nil : settings.model.sweepTimeMax)
        let sweeps = try SweepThread(
            loop: loop, progress: progress, interruption: interruption,
            checkpoints: settings.queue.checkpoints)
        let kv = settings.model.kvFormat?.rawValue ?? "auto"
        return try LocalRunner(
            sweeps: sweeps, preparer: preparer,
            origin: "\(settings.served.name); \(summary); kv \(kv)", models: settings.served.names)
    }

    private static func loadModel(
        _ settings: Settings, _ notifier: ServiceNotifier, _ log: Logger
    ) throws -> ModelRunner {
        var meter = LoadReporter(notifier: notifier, log: log)
        do {
            return try ModelRunner.load(settings.model) { meter.show($0, done: $1, of: $2) }
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

    /// Logger for the service group, whose own messages are only about its internals.
    private static func quiet(_ log: Logger) -> Logger {
        var result = log
        result.logLevel = max(log.logLevel, .error)
        return result
    }
}

/// Reports the progress of loading to the service manager and extends its timeout. Loading may take any time, but a
/// hang must not.
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
        // Packing takes minutes and happens once, so an administrator sees its progress at level notice.
        if percent % 10 == 0 { log.log(level: phase == .packing ? .notice : .debug, "\(text)") }
    }
}
