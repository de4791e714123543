import Logging
import MoedFront
import ServiceLifecycle

/// Serves metrics and health of the daemon over HTTP, for monitoring.
struct StatusService: Service {
    let address: StatusAddress
    let metrics: DaemonMetrics.Source
    let log: Logger

    func run() async throws {
        let metrics = metrics
        do {
            let server = try StatusServer(
                address,
                metrics: { metrics.current.all }, health: { metrics.current.health })
            log.info("metrics: http://\(address)/metrics, /healthz")
            await cancelWhenGracefulShutdown { await server.run() }
        } catch {
            // The daemon runs without its status server: jobs matter more than monitoring.
            log.error("status.listen: \(error)")
            try? await gracefulShutdown()
        }
    }
}
