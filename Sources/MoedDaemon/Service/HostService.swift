package import MoedReading
package import Logging
import MoedCore
import MoedEngine
import MoedHost
package import MoedLocal
package import MoedSystemd
package import MoedWorker
import ServiceLifecycle

/// Reports the daemon's state to the service manager and the terminal, and feeds the watchdog.
package struct HostService: Service {
    /// The watched parts of the daemon, as functions that may be called from any thread.
    package struct Sources: Sendable {
        package var engine: @Sendable () -> SweepThread.Snapshot
        package var streaming: @Sendable () -> StreamingFigures
        /// Keys and values that the format of the KV cache clamped.
        package var clamped: @Sendable () -> Int
        /// Each asks one thread for a sign of life, and waits for its answer.
        package var probes: [@Sendable () async -> Void]
        /// Progress counters of the watched loops, by name.
        package var progress: @Sendable () -> [String: UInt64]
        /// Status text about endpoints that take no requests; nil when all do.
        package var endpoints: @Sendable () -> String? = { nil }

        package init(
            engine: @escaping @Sendable () -> SweepThread.Snapshot,
            streaming: @escaping @Sendable () -> StreamingFigures,
            clamped: @escaping @Sendable () -> Int = { 0 },
            probes: [@Sendable () async -> Void],
            progress: @escaping @Sendable () -> [String: UInt64]
        ) {
            self.engine = engine
            self.streaming = streaming
            self.clamped = clamped
            self.probes = probes
            self.progress = progress
        }
    }

    /// Time between two status lines. People read them; a shorter time would only add noise to `systemctl status`.
    private static let statusEvery = Duration.seconds(1)

    private let notifier: ServiceNotifier
    private let report: WorkerReport
    private let sources: Sources
    private let watchdogInterval: Duration?
    private let showsProgress: Bool
    private let log: Logger

    /// - Parameters:
    ///   - watchdogInterval: from the service manager; nil feeds no watchdog, and loops are watched all the same.
    ///   - showsProgress: prints the status line and a summary to standard error.
    package init(
        sources: Sources, notifier: ServiceNotifier, report: WorkerReport, watchdogInterval: Duration?,
        showsProgress: Bool, log: Logger
    ) {
        self.sources = sources
        self.notifier = notifier
        self.report = report
        self.watchdogInterval = watchdogInterval
        self.showsProgress = showsProgress
        self.log = log
    }

    /// - Throws: `ConfigurationProblem` when a model that was ready early is damaged.
    package func run() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await cancelWhenGracefulShutdown {
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await showStatus() }
                for probe in sources.probes { group.addTask { await keepAsking(probe) } }
                group.addTask { [report] in
                    await WatchdogFeeder.feed(every: watchdogInterval, notifier, sources.progress, log) { stuck in
                        report.update { $0.stuck = stuck.map(\.description) }
                    }
                }
            }
        }
        guard showsProgress else { return }
        if Host.isTerminal(2) { Host.printErrorInPlace("") }
        Host.printError(
            StatusText.summary(report.current, sources.engine(), elapsed: start.duration(to: clock.now)))
    }

    private func showStatus() async throws {
        let clock = ContinuousClock()
        var last = (time: clock.now, tokens: 0, text: "")
        var figures = sources.streaming()
        var clamps = ClampWarning()
        while !Task.isCancelled {
            let engine = sources.engine()
            let state = report.current
            let now = clock.now
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
            let read = StreamingText(before: figures, now: sources.streaming(), seconds: elapsed)
            if let change = read.change { log.notice("\(change)") }
            if let failure = read.failure { log.error("\(failure)") }
            // Damage found after the model is ready also ends the daemon: its jobs wait for a sound model.
            if let damage = read.now.damage { throw ConfigurationProblem("model.path: \(damage)") }
            figures = read.now
            let clamped = sources.clamped()
            if let warning = clamps.warning(clamped) { log.warning("\(warning)") }
            let parts = [read.status, sources.endpoints()].compactMap { $0 }
            let text = StatusText(
                report: state, engine: engine, tokensPerSecond: rate,
                streaming: parts.isEmpty ? nil : parts.joined(separator: ", "), clamped: clamped
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

    /// Probes a thread: idle, it progresses by its answers; busy, by its work.
    private func keepAsking(_ probe: @Sendable () async -> Void) async {
        while !Task.isCancelled {
            await probe()
            // A cancelled sleep returns at once, and the loop ends.
            try? await Task.sleep(for: .seconds(1))
        }
    }
}
