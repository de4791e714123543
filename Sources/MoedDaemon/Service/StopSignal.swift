import MoedWorker
import ServiceLifecycle
import UnixSignals

/// Records the first signal that asks the daemon to stop. The service group acts on it.
struct StopSignal: Service {
    static let all = [UnixSignal.sigterm, .sigint]

    let report: WorkerReport

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: Self.all)
        for await signal in signals.cancelOnGracefulShutdown() {
            report.update { $0.stopSignal = $0.stopSignal ?? signal.rawValue }
        }
    }
}
