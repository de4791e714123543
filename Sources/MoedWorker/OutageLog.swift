/// Selects the database failures to log: an outage of a night must not fill the journal.
package struct OutageLog {
    /// Time after which the same failure is logged again.
    private static let repeatEvery = Duration.seconds(60)
    private var since: Duration?
    private var told: (text: String, time: Duration)?

    package init() {}

    /// Returns true when this failure is to be logged: the first, one with another text, and one per minute.
    package mutating func failed(_ text: String, at now: Duration) -> Bool {
        since = since ?? now
        if let told, told.text == text, now - told.time < Self.repeatEvery { return false }
        told = (text, now)
        return true
    }

    /// Ends the outage and returns its duration; nil when there was none.
    package mutating func ended(at now: Duration) -> Duration? {
        defer { (since, told) = (nil, nil) }
        return since.map { now - $0 }
    }
}
