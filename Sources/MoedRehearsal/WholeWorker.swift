import Logging
import MoedCore
import MoedSystemd
import MoedWorker
import ServiceLifecycle

/// A whole worker as the daemon runs it, with an `EchoRunner` in place of a model.
struct WholeWorker {
    private let group: ServiceGroup
    private let report = WorkerReport()

    /// - Parameter drains: true ends the worker when no job is left.
    init(
        in database: RehearsalDatabase, room: Int, drains: Bool, lease: Duration = .seconds(86_400)
    ) throws {
        var settings = WorkerSettings(
            conninfo: database.conninfo, pollInterval: .milliseconds(50), lease: lease)
        settings.drains = drains
        let runner = EchoRunner(room: room, answersAtOnce: true)
        let inbox = Inbox()
        var log = Logger(label: "rehearsal")
        log.logLevel = .critical
        let queue = QueueService(
            settings: settings, runner: runner, inbox: inbox, progress: ProgressCounter(name: "database loop"),
            surroundings: .init(report: report, notifier: try ServiceNotifier(socket: nil), log: log),
            modelName: "default")
        group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: RunnerService(runner: runner, inbox: inbox)),
                    .init(service: queue, successTerminationBehavior: .gracefullyShutdownGroup),
                ], logger: log))
    }

    /// Runs until stopped or drained.
    func run() async throws { try await group.run() }

    /// Returns running jobs to the queue and ends the worker.
    func stop() async { await group.triggerGracefulShutdown() }

    var succeeded: Int { report.current.succeeded }
}
