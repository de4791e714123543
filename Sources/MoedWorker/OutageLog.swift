/// Which failures to reach the database deserve a line: an outage of a night must not fill the journal.
package struct OutageLog {
    /// The same failure is told again after this long.
    private static let repeatEvery = Duration.seconds(60)
    private var since: Duration?
    private var told: (text: String, time: Duration)?

    package init() {}

    /// Whether this failure is to be told: the first, one of another kind, and one a minute.
    package mutating func failed(_ text: String, at now: Duration) -> Bool {
        since = since ?? now
        if let told, told.text == text, now - told.time < Self.repeatEvery { return false }
        told = (text, now)
        return true
    }

    /// Returns how long it lasted; nil when there was none.
    package mutating func ended(at now: Duration) -> Duration? {
        defer { (since, told) = (nil, nil) }
        return since.map { now - $0 }
    }
}
