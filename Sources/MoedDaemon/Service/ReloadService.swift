import Logging
import MoedCore
import MoedHost
import MoedLocal
package import MoedSettings
import MoedSystemd
import MoedWorker
import ServiceLifecycle
import UnixSignals

/// The configuration of a daemon, and a way to read it again.
package struct Reloading: Sendable {
    package var sources: SettingSources
    package var readAgain: @Sendable () -> SettingSources

    package init(_ read: @escaping @Sendable () -> SettingSources) {
        sources = read()
        readAgain = read
    }
}

/// Reads the configuration again on SIGHUP. The log level, some limits and the adapters change at once; the other keys
/// wait for a restart, since the model stays loaded.
struct ReloadService: Service {
    let configuration: Reloading
    let drains: Bool
    let threshold: LogThreshold
    let log: Logger
    /// Hang-ups since the start of the daemon: one that comes while the model is loaded waits for the service.
    let signals: UnixSignalsSequence
    /// Receives the worker's new settings.
    var inbox: Inbox?
    /// Exchanges adapters; nil without a local engine.
    var adapters: AdapterLoader?

    /// The same service, with a receiver of the worker's settings.
    func into(_ inbox: Inbox, adapters: AdapterLoader?) -> ReloadService {
        var service = self
        (service.inbox, service.adapters) = (inbox, adapters)
        return service
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var sources = configuration.sources
            for await _ in signals { sources = reload(after: sources) }
        }
    }

    /// - Returns: the sources in force.
    private func reload(after old: SettingSources) -> SettingSources {
        let new = configuration.readAgain()
        switch Settings.read(new) {
        case .failure(let problems):
            for problem in problems.problems { log.error("reload: \(problem)") }
            log.error("reload: the configuration is invalid, and the old one stays in force")
            return old
        case .success(let settings):
            threshold.level = settings.logLevel
            inbox?.put(.settings(settings.worker(drains: drains)))
            reloadAdapters(settings.model.adapters)
            let changed = new.changedKeys(since: old).filter { $0 != AdapterText.section || adapters == nil }
            let live = changed.filter { SettingKey.reloadable.contains($0) }
            let waiting = changed.filter { !SettingKey.reloadable.contains($0) }
            let text = live.isEmpty ? "nothing changes at once" : "in force: \(live.joined(separator: ", "))"
            log.notice("reload: \(text)")
            if !waiting.isEmpty {
                log.warning("reload: a restart is needed for \(waiting.joined(separator: ", "))")
            }
            return new
        }
    }

    /// Reads new adapters; the worker then serves them. After a fault the old ones stay.
    private func reloadAdapters(_ options: [AdapterOption]) {
        guard let adapters, let inbox else { return }
        do {
            guard let change = try adapters.change(to: options) else { return }
            inbox.put(.models(change.apply))
            log.notice("reload: adapters: \(change.text)")
        } catch {
            log.error("reload: adapters: \(error)")
            log.error("reload: the adapters stay as they were")
        }
    }
}
