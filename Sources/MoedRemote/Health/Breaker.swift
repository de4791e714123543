/// Circuit breaker of one endpoint: after failures it takes no requests for a pause; then a probe decides.
package struct Breaker: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        /// Not probed yet, or the pause is over: the next probe decides.
        case unknown
        case closed
        /// - Parameter until: end of the pause.
        case open(until: Duration)
    }

    /// Pauses grow from one second to half a minute.
    private static let longest = 30.0
    private static let unusablePause = Duration.seconds(60)
    private static let suspicionLasts = Duration.seconds(60)

    package private(set) var state = State.unknown
    /// Time of the last change of `state`.
    package private(set) var since = Duration.zero
    /// Reason why it is open; nil while it is closed.
    package private(set) var reason: String?
    private var failures = 0
    private var suspectedAt: Duration?

    package init() {}

    package var isClosed: Bool { state == .closed }

    /// True when a probe should decide.
    package func needsProbe(_ now: Duration) -> Bool {
        switch state {
        case .unknown: true
        case .closed: false
        case .open(let until): until <= now
        }
    }

    /// Time until requests may be possible again; zero when they are.
    package func pause(_ now: Duration) -> Duration {
        if case .open(let until) = state { max(.zero, until - now) } else { .zero }
    }

    package mutating func succeeded(_ now: Duration) {
        (failures, reason) = (0, nil)
        change(to: .closed, now)
    }

    /// - Parameter jitter: 0…1; spreads the pauses of several workers.
    package mutating func failed(_ reason: String, _ now: Duration, jitter: Double) {
        failures = min(failures + 1, 10)
        var seconds = 1.0
        for _ in 1..<max(2, failures) where failures > 1 { seconds = min(Self.longest, seconds * 2) }
        open(reason, for: .milliseconds(Int64(seconds * (750 + 500 * min(max(jitter, 0), 1)))), now)
    }

    /// - Parameter pause: nil takes the usual growing pause.
    package mutating func busy(_ pause: Duration?, _ now: Duration, jitter: Double) {
        guard let pause else { return failed("it refuses load", now, jitter: jitter) }
        open("it refuses load", for: pause, now)
    }

    package mutating func unusable(_ reason: String, _ now: Duration) {
        open(reason, for: Self.unusablePause, now)
    }

    /// Records a request that broke. Returns true when it is the second one within a minute.
    package mutating func suspect(_ now: Duration) -> Bool {
        defer { suspectedAt = now }
        return suspectedAt.map { now - $0 < Self.suspicionLasts } ?? false
    }

    /// Ends a pause at once: the next probe decides.
    package mutating func clear(_ now: Duration) {
        guard !isClosed else { return }
        change(to: .unknown, now)
    }

    private mutating func open(_ reason: String, for pause: Duration, _ now: Duration) {
        self.reason = reason
        // A shorter pause does not end a longer one.
        if case .open(let until) = state, until > now + pause { return }
        change(to: .open(until: now + pause), now)
    }

    private mutating func change(to state: State, _ now: Duration) {
        let wasOpen = if case .open = self.state { true } else { false }
        let isOpen = if case .open = state { true } else { false }
        if self.state != state, !(wasOpen && isOpen) { since = now }
        self.state = state
    }
}
