import MoedReading
import Logging
import MoedBatching
import MoedCore
import MoedEndpoints
import MoedEngine
import MoedHost
import MoedLocal
import MoedModeration
import MoedQueue
import MoedRemote
import MoedRemoteHTTP
import MoedSettings
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
        _ configuration: Reloading, drains: Bool, showsProgress: Bool, routingTrace: String? = nil
    ) async throws -> Int32 {
        let settings = try Settings.read(configuration.sources).get()
        Host.ignoreBrokenPipes()
        Host.ignoreHangUps()
        Host.leaveAtOnceWhenStopped(isInterruption: drains)
        let supervision = SupervisionEnvironment(Host.environment)
        let threshold = LogThreshold(settings.logLevel)
        let log = LogDestination(supervision, format: settings.logFormat).logger("moed", threshold)
        let notifier = try ServiceNotifier(socket: supervision.notifySocket)
        log.notice("moed \(Version.text) starting, model \(settings.model.directory)")
        for warning in configuration.sources.warnings + settings.modelWarnings {
            log.warning("\(warning)")
        }
        let report = WorkerReport()
        let metrics = DaemonMetrics.Source(report)
        // Health is answered while the daemon waits for the database and loads the model.
        let status = try settings.statusAddress.flatMap {
            try StatusService.start($0, metrics: metrics, report: report, log: log)
        }
        do {
            let reload = ReloadService(
                configuration: configuration, drains: drains, threshold: threshold, log: log,
                signals: await UnixSignalsSequence(trapping: .sighup))
            try await StartupCheck.database(
                settings.database.url, report: report, notifier: notifier, log: log)
            let surroundings = QueueService.Surroundings(report: report, notifier: notifier, log: log)
            try await serve(
                settings, surroundings, reload, metrics,
                Manner(
                    drains: drains, showsProgress: showsProgress, routingTrace: routingTrace,
                    watchdogInterval: supervision.watchdogInterval))
        } catch {
            await status?.end()
            throw error
        }
        await status?.end()
        notifier.send(.status("Stopped"))
        log.notice("stopped")
        return drains ? report.current.drainExitCode : 0
    }

    /// Options of a run.
    private struct Manner {
        var drains: Bool
        var showsProgress: Bool
        var routingTrace: String?
        var watchdogInterval: Duration?
    }

    /// Loads the model and runs all services.
    private static func serve(
        _ settings: Settings, _ surroundings: QueueService.Surroundings, _ reload: ReloadService,
        _ metrics: DaemonMetrics.Source, _ manner: Manner
    ) async throws {
        let (report, notifier, log) = (surroundings.report, surroundings.notifier, surroundings.log)
        let queueProgress = ProgressCounter(name: "database loop")
        let engines = try engines(settings, surroundings, manner)
        let inbox = Inbox()
        var surroundings = surroundings
        surroundings.inquirer = engines.moderation.inquirer
        let queue = QueueService(
            settings: settings.worker(drains: manner.drains), runner: engines.runner, inbox: inbox,
            progress: queueProgress,
            surroundings: surroundings, modelName: settings.served.name)
        metrics.add(engines)
        var sources = HostService.Sources(
            engine: { engines.snapshot }, streaming: { engines.local?.streaming.current ?? StreamingFigures() },
            clamped: { engines.local?.clamps.count ?? 0 }, probes: engines.probes,
            progress: { engines.progress.merging([queueProgress.name: queueProgress.value]) { $1 } })
        sources.endpoints = { EndpointStatus.outages(engines.remote?.snapshot) }
        let host = HostService(
            sources: sources,
            notifier: notifier, report: report, watchdogInterval: manner.watchdogInterval,
            showsProgress: manner.showsProgress, log: log)

        // Services stop in reverse order: the queue lets its jobs finish before the engine stops.
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: RunnerService(runner: engines.runner, inbox: inbox)),
            .init(service: host, failureTerminationBehavior: .gracefullyShutdownGroup),
        ]
        services += [
            .init(service: StopSignal(report: report)),
            .init(service: reload.into(inbox, adapters: engines.local?.adapters)),
            .init(
                service: CensusService(
                    conninfo: settings.database.url, models: { engines.runner.models }, report: report, log: log)),
        ]
        if settings.queue.listens {
            let listening = ListenService(conninfo: settings.database.url, inbox: inbox, log: log)
            services.append(.init(service: listening))
        }
        services.append(.init(service: queue, successTerminationBehavior: .gracefullyShutdownGroup))
        report.update { $0.phase = .running }
        notifier.send(.ready, .status("Idle"))
        let streaming = engines.local.map { StreamingText.start($0.streaming.current) } ?? []
        for line in engines.start + streaming.compactMap({ $0 }) { log.notice("\(line)") }
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: StopSignal.all, logger: log.onlyErrors))
        do { try await group.run() } catch {
            await engines.shutdown()
            throw error
        }
        await engines.shutdown()
    }

    /// Loads the model, unless only endpoints run it, and builds the runner.
    private static func engines(
        _ settings: Settings, _ surroundings: QueueService.Surroundings, _ manner: Manner
    ) throws -> Engines {
        let log = surroundings.log
        guard settings.runsLocally else {
            return try Engines(settings, model: nil, drains: manner.drains, log: log)
        }
        let model = try loadModel(settings, surroundings)
        try model.engine.recordRouting(to: manner.routingTrace)
        for remark in model.remarks { log.warning("model.path: \(remark)") }
        return try Engines(settings, model: model, drains: manner.drains, log: log)
    }

    private static func loadModel(
        _ settings: Settings, _ surroundings: QueueService.Surroundings
    ) throws -> ModelRunner {
        var meter = LoadReporter(surroundings)
        do {
            return try ModelRunner.load(settings.model) { meter.show($0, done: $1, of: $2) }
        } catch {
            throw StartupCheck.problem(model: error)
        }
    }
}

/// Reports the progress of loading to the service manager and extends its timeout. Loading may take any time, but a
/// hang must not.
private struct LoadReporter {
    private let surroundings: QueueService.Surroundings
    private var last: (phase: ModelRunner.Phase, percent: Int)?

    init(_ surroundings: QueueService.Surroundings) { self.surroundings = surroundings }

    mutating func show(_ phase: ModelRunner.Phase, done: Int, of total: Int) {
        let percent = total > 0 ? done * 100 / total : 100
        guard last?.phase != phase || last?.percent != percent else { return }
        last = (phase, percent)
        let verb =
            switch phase {
            case .reading: "Reading"
            case .packing: "Packing"
            case .loading: "Loading"
            }
        let text = "\(verb) weights \(percent) %"
        surroundings.notifier.send(.status(text), .extendTimeout(.seconds(60)))
        surroundings.report.update { $0.phase = .loading(percent: percent) }
        // Packing takes minutes and happens once, so an administrator sees its progress at level notice.
        if percent % 10 == 0 { surroundings.log.log(level: phase == .packing ? .notice : .debug, "\(text)") }
    }
}
