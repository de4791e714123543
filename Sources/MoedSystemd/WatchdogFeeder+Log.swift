package import Logging

extension WatchdogFeeder {
    /// Feeds the watchdog until the task is cancelled, and logs what keeps it from feeding.
    ///
    /// - Parameters:
    ///   - interval: the service manager restarts the daemon after this long without a feed.
    ///   - progress: returns the counters' current values by loop name; all loops are watched.
    package static func feed(
        every interval: Duration, _ notifier: ServiceNotifier,
        _ progress: @escaping @Sendable () -> [String: UInt64], _ log: Logger
    ) async {
        let clock = ContinuousClock()
        let start = clock.now
        var policy = WatchdogPolicy(interval: interval)
        for (name, value) in progress() { policy.watch(name, value: value, at: .zero) }
        var feeder = WatchdogFeeder(
            notifier: notifier, policy: policy, read: progress,
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
