/// Feeds the service manager's watchdog for as long as the policy allows it.
package struct WatchdogFeeder: Sendable {
    /// Event of a check, for the log: a stuck loop is named long before the restart.
    package enum Event: Sendable, Equatable {
        case stuck([WatchdogPolicy.Stuck])
        case recovered
        case notSent(ServiceNotifier.Outcome)
    }

    private let notifier: ServiceNotifier
    private var policy: WatchdogPolicy
    private let feeds: Bool
    private let read: @Sendable () -> [String: UInt64]
    private let report: @Sendable (Event) -> Void
    private var isStuck = false

    /// - Parameters:
    ///   - policy: policy that already watches its loops.
    ///   - feeds: false only watches, where no service manager waits for a feed.
    ///   - read: returns the counters' current values by loop name.
    ///   - report: called when the state changes, not at each check.
    package init(
        notifier: ServiceNotifier, policy: WatchdogPolicy, feeds: Bool = true,
        read: @escaping @Sendable () -> [String: UInt64], report: @escaping @Sendable (Event) -> Void
    ) {
        self.notifier = notifier
        self.policy = policy
        self.feeds = feeds
        self.read = read
        self.report = report
    }

    /// Checks and feeds until the task is cancelled.
    ///
    /// - Parameter start: the instant from which the policy's times are measured.
    package mutating func run<C: Clock>(on clock: C, from start: C.Instant) async
    where C.Duration == Duration {
        while !Task.isCancelled {
            check(at: start.duration(to: clock.now))
            do { try await clock.sleep(for: policy.checkEvery) } catch { return }
        }
    }

    private mutating func check(at now: Duration) {
        switch policy.check(read(), at: now) {
        case .feed:
            if isStuck { report(.recovered) }
            isStuck = false
            guard feeds else { return }
            let outcome = notifier.send(.watchdog)
            if outcome != .sent { report(.notSent(outcome)) }
        case .withhold(let stuck):
            if !isStuck {
                report(.stuck(stuck))
                notifier.send(.status("Stuck: \(stuck.map(\.description).joined(separator: "; "))"))
            }
            isStuck = true
        }
    }
}
