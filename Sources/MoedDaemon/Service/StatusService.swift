import Logging
import MoedCore
import MoedFront
import MoedWorker

/// Serves metrics and health of the daemon over HTTP, for monitoring, from the start of the daemon to its end.
struct StatusService {
    private let serving: Task<Void, Never>

    /// Starts the server. Returns nil when it cannot listen: jobs matter more than monitoring.
    ///
    /// - Throws: `ConfigurationProblem` when the address names something that is not moed's.
    static func start(
        _ address: StatusAddress, metrics: DaemonMetrics.Source, report: WorkerReport, log: Logger
    ) throws -> StatusService? {
        do {
            let server = try StatusServer(
                address, metrics: { metrics.current.all }, health: { metrics.current.health })
            log.info("metrics: http://\(address)/metrics, /healthz")
            return StatusService(serving: Task.detached { await server.run() })
        } catch {
            if error.isRefusal { throw ConfigurationProblem("status.listen: \(error)") }
            log.error("status.listen: \(error)")
            report.update { $0.remark = "status.listen: \(error)" }
            return nil
        }
    }

    /// Ends the server, and removes its socket.
    func end() async {
        serving.cancel()
        await serving.value
    }
}
