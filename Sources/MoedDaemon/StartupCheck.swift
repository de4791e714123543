import Logging
import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedQueue
import MoedSystemd
import MoedWorker

/// Decides what keeps the daemon from starting: `moed run` refuses what `moed check` reports.
enum StartupCheck {
    /// Checks the database, and retries while the server is unreachable: at boot it may start later than the daemon.
    ///
    /// - Throws: `ConfigurationProblems` when retrying is useless: refused password, unknown database, wrong schema.
    static func database(
        _ conninfo: String, report: WorkerReport, notifier: ServiceNotifier, log: Logger
    ) async throws {
        var backoff = Backoff()
        var outages = OutageLog()
        let clock = ContinuousClock()
        let start = clock.now
        while true {
            do {
                // Connecting to silent hosts takes minutes, in which the service manager must not lose its patience.
                let attempt = Attempt { try await Self.problems(conninfo) }
                let found = try await attempt.value(every: .seconds(10)) {
                    notifier.send(.extendTimeout(.seconds(60)))
                    return true
                }
                guard let found, found.isEmpty else { throw ConfigurationProblems(found ?? []) }
                report.update { $0.outage = nil }
                return
            } catch let error as QueueError where error.isRetryable {
                let wait = backoff.next()
                let outage = DatabaseOutage(error, after: report.current.outage)
                report.update { $0.outage = outage }
                log.log(
                    level: outages.failed("\(error)", at: start.duration(to: clock.now)) ? .warning : .debug,
                    "database: \(outage.text); trying again in \(wait.seconds) s")
                notifier.send(.status(outage.statusText), .extendTimeout(.seconds(60)))
                try await Task.sleep(for: wait)
            } catch let error as QueueError {
                throw problem(error)
            }
        }
    }

    /// Connects once. Returns everything that keeps a worker from working with the database.
    static func problems(_ conninfo: String) async throws(QueueError) -> [ConfigurationProblem] {
        let migrator = try await Migrator.connect(conninfo: conninfo)
        let found: [QueueError]
        do { found = try await migrator.problems() } catch {
            await migrator.close()
            throw error
        }
        await migrator.close()
        return found.map(problem)
    }

    static func problem(_ error: QueueError) -> ConfigurationProblem {
        ConfigurationProblem(error.code == .database ? "database.url: \(error)" : "database schema: \(error)")
    }

    /// An error of loading or checking the model.
    static func problem(model error: any Error) -> ConfigurationProblem {
        switch error {
        case let problem as ConfigurationProblem: problem
        case let error as EngineError where error.code == .outOfMemory:
            ConfigurationProblem(
                "\(error): lower engine.kv_tokens or engine.slots, or take a machine with more memory")
        default: ConfigurationProblem("model.path: \(error)")
        }
    }
}
