package import Logging

extension WatchdogFeeder {
    /// Feeds the watchdog until the task is cancelled, and logs what keeps it from feeding.
    ///
    /// Time without progress after which a loop counts as stuck, where no service manager says so.
    private static let intervalAlone = Duration.seconds(60)

    /// - Parameters:
    ///   - interval: the service manager restarts the daemon after this long without a feed. With nil the loops are
    ///     watched and nothing is fed.
    ///   - progress: returns the counters' current values by loop name; all loops are watched.
    ///   - stuck: called with the loops that are stuck, when there are others than before.
    package static func feed(
        every interval: Duration?, _ notifier: ServiceNotifier,
        _ progress: @escaping @Sendable () -> [String: UInt64], _ log: Logger,
        stuck: @escaping @Sendable ([WatchdogPolicy.Stuck]) -> Void
    ) async {
        let clock = ContinuousClock()
        let start = clock.now
        var policy = WatchdogPolicy(interval: interval ?? intervalAlone)
        for (name, value) in progress() { policy.watch(name, value: value, at: .zero) }
        var feeder = WatchdogFeeder(
            notifier: notifier, policy: policy, feeds: interval != nil, read: progress,
            report: { event in
                switch event {
                case .stuck(let loops):
                    log.critical("watchdog: \(loops.map(\.description).joined(separator: "; "))")
                    stuck(loops)
                case .recovered:
                    log.warning("watchdog: all loops move again")
                    stuck([])
                case .notSent(let outcome):
                    log.error("watchdog: the service manager was not reached: \(outcome)")
                }
            })
        await feeder.run(on: clock, from: start)
    }
}
