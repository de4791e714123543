/// Waiting times between attempts to reach the database: doubling, capped, so that a restart is noticed soon and
/// an outage is not hammered.
package struct Backoff: Equatable {
    private static let first = Duration.milliseconds(200)
    /// Also bounds how long the watchdog hears nothing of the database loop.
    private static let longest = Duration.seconds(5)
    package private(set) var attempts = 0

    package init() {}

    package mutating func next() -> Duration {
        defer { attempts += 1 }
        return min(Self.first * (1 << min(attempts, 10)), Self.longest)
    }

    package mutating func reset() { attempts = 0 }
}
