import Logging
import MoedCore
import MoedHost
import MoedQueue
import MoedSystemd
import MoedWorker

/// Waits for the database and checks its schema before the model is loaded.
enum StartupCheck {
    /// Checks the database, and retries while the server is unreachable: at boot it may start later than the daemon.
    ///
    /// - Throws: `ConfigurationProblem` when retrying is useless: refused password, unknown database, wrong schema.
    static func database(_ settings: Settings, notifier: ServiceNotifier, log: Logger) async throws {
        var backoff = Backoff()
        var outage = OutageLog()
        let clock = ContinuousClock()
        let start = clock.now
        while true {
            do {
                try await verify(settings.database.url)
                return
            } catch let error where error.isRetryable {
                let wait = backoff.next()
                log.log(
                    level: outage.failed("\(error)", at: start.duration(to: clock.now)) ? .warning : .debug,
                    "database: \(error); trying again in \(wait.seconds) s")
                notifier.send(.status("Waiting for PostgreSQL"), .extendTimeout(.seconds(60)))
                try await Task.sleep(for: wait)
            } catch {
                throw problem(error)
            }
        }
    }

    /// Connects and checks the schema once.
    static func verify(_ conninfo: String) async throws(QueueError) {
        let migrator = try await Migrator.connect(conninfo: conninfo)
        do {
            try await migrator.verify()
        } catch {
            await migrator.close()
            throw error
        }
        await migrator.close()
    }

    static func problem(_ error: QueueError) -> ConfigurationProblem {
        ConfigurationProblem(error.code == .database ? "database.url: \(error)" : "database schema: \(error)")
    }
}
