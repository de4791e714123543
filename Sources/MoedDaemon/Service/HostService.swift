import Logging
import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedSystemd
import MoedWorker
import ServiceLifecycle

/// Reports the daemon's state to the service manager and the terminal, and feeds the watchdog.
struct HostService: Service {
    /// Time between two status lines. People read them; a shorter time would only add noise to `systemctl status`.
    private static let statusEvery = Duration.seconds(1)

    let notifier: ServiceNotifier
    let report: WorkerReport
    let sweeps: SweepThread
    let streaming: StreamingMeter
    /// Progress counters of the watched loops, by name.
    let readProgress: @Sendable () -> [String: UInt64]
    let watchdogInterval: Duration?
    let showsProgress: Bool
    let log: Logger

    /// - Throws: `ConfigurationProblem` when a model that was ready early is damaged.
    func run() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await cancelWhenGracefulShutdown {
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await showStatus() }
                group.addTask { await probeSweepThread() }
                if let watchdogInterval { group.addTask { await feedWatchdog(watchdogInterval) } }
            }
        }
        guard showsProgress else { return }
        if Host.isTerminal(2) { Host.printErrorInPlace("") }
        Host.printError(
            StatusText.summary(report.current, sweeps.snapshot, elapsed: start.duration(to: clock.now)))
    }

    private func showStatus() async throws {
        let clock = ContinuousClock()
        var last = (time: clock.now, tokens: 0, text: "")
        var lostSince: ContinuousClock.Instant?
        var figures = streaming.current
        while !Task.isCancelled {
            let engine = sweeps.snapshot
            let state = report.current
            let now = clock.now
            lostSince = state.databaseLostSince == nil ? nil : lostSince ?? now
            let elapsed = last.time.duration(to: now).seconds
            // A sweep may last longer than the time between two lines. Most lines would then show no tokens and one
            // line all of them.
            let sweep = engine.lastSweep
            let isLong = sweep.duration > Self.statusEvery
            let (tokens, time) =
                isLong
                ? (sweep.generatedTokens, sweep.duration.seconds)
                : (engine.generatedTokens - last.tokens, elapsed)
            let rate = time > 0 ? Double(tokens) / time : 0
            let read = StreamingText(before: figures, now: streaming.current, seconds: elapsed)
            if let change = read.change { log.notice("\(change)") }
            if let failure = read.failure { log.error("\(failure)") }
            // Damage found after the model is ready also ends the daemon: its jobs wait for a sound model.
            if let damage = read.now.damage { throw ConfigurationProblem("model.path: \(damage)") }
            figures = read.now
            let text = StatusText(
                report: state, engine: engine, tokensPerSecond: rate, streaming: read.status,
                databaseLostFor: lostSince.map { $0.duration(to: now) }
            ).status
            report.update {
                $0.status = text
                $0.tokensPerSecond = rate
            }
            if text != last.text {
                notifier.send(.status(text))
                if showsProgress { showProgress(text) }
            }
            last = (now, engine.generatedTokens, text)
            // A cancelled sleep returns at once, and the loop ends.
            try? await Task.sleep(for: Self.statusEvery)
        }
    }

    private func showProgress(_ text: String) {
        if Host.isTerminal(2) { Host.printErrorInPlace(text) } else { Host.printError(text) }
    }

    /// Probes the sweep thread: an idle loop progresses by its answer, a busy one by its layers.
    private func probeSweepThread() async {
        while !Task.isCancelled {
            await sweeps.answerProbe()
            // A cancelled sleep returns at once, and the loop ends.
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func feedWatchdog(_ interval: Duration) async {
        let clock = ContinuousClock()
        let start = clock.now
        var policy = WatchdogPolicy(interval: interval)
        for (name, value) in readProgress() { policy.watch(name, value: value, at: .zero) }
        var feeder = WatchdogFeeder(
            notifier: notifier, policy: policy,
            read: readProgress,
            report: { event in
                switch event {
                case .stuck(let loops):
                    log.critical("watchdog: \(loops.map(\.description).joined(separator: "; "))")
                case .recovered: log.warning("watchdog: all loops move again")
                case .notSent(let outcome):
                    log.error("watchdog: the service manager was not reached: \(outcome)")
                }
            })
        await feeder.run(on: clock, from: start)
    }
}
