/// Waiting times between attempts to connect to the database.
///
/// They double up to a cap: a restart is noticed soon, and an outage causes few attempts.
package struct Backoff: Equatable {
    private static let first = Duration.milliseconds(200)
    /// Maximum waiting time. It also bounds the time between two rounds of the database loop that the watchdog sees.
    private static let longest = Duration.seconds(5)
    package private(set) var attempts = 0

    package init() {}

    package mutating func next() -> Duration {
        defer { attempts += 1 }
        return min(Self.first * (1 << min(attempts, 10)), Self.longest)
    }

    package mutating func reset() { attempts = 0 }
}
