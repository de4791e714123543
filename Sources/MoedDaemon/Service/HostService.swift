import Logging
import MoedCore
import MoedEngine
import MoedHost
import MoedLocal
import MoedSystemd
import MoedWorker
import ServiceLifecycle

/// Tells the service manager and the terminal how the daemon is doing, and feeds the watchdog while it lives.
struct HostService: Service {
    /// People read it; more often would only fill `systemctl status` with noise.
    private static let statusEvery = Duration.seconds(1)

    let notifier: ServiceNotifier
    let report: WorkerReport
    let sweeps: SweepThread
    let streaming: StreamingMeter
    /// Counters of the loops that must not stand still, by name.
    let readProgress: @Sendable () -> [String: UInt64]
    let watchdogInterval: Duration?
    let showsProgress: Bool
    let log: Logger

    /// - Throws: `ConfigurationProblem` when a model that is ready early turns out to be damaged.
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
            // A sweep may last longer than the time between two lines: most would show nothing, one all of it.
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
            // Found later than before it was ready, but the same: jobs wait for a sound model.
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
            // Ends with the task: a cancelled sleep is the way out of the loop.
            try? await Task.sleep(for: Self.statusEvery)
        }
    }

    private func showProgress(_ text: String) {
        if Host.isTerminal(2) { Host.printErrorInPlace(text) } else { Host.printError(text) }
    }

    /// An idle sweep loop proves its life by answering; a busy one by its layers.
    private func probeSweepThread() async {
        while !Task.isCancelled {
            await sweeps.answerProbe()
            // Ends with the task, as above.
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
