import Logging
import MoedFront
import ServiceLifecycle

/// Figures and health of the daemon over HTTP, for whoever watches many of them.
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
            // Jobs are worth more than being watched.
            log.error("status.listen: \(error)")
            try? await gracefulShutdown()
        }
    }
}
