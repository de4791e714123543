/// Decides which lines about single jobs are logged at info. A value: time is passed in.
///
/// Where there are many, the rest of a minute's lines are at debug, and one line tells them in sum.
package struct LogPace {
    /// Number of lines about jobs at info in a minute.
    package static let linesMax = 120
    private static let window = Duration.seconds(60)

    private var windowStart: Duration?
    private var lines = 0
    private var counts: [String: Int] = [:]
    private var order: [String] = []

    package init() {}

    /// Counts an event of a job.
    ///
    /// - Returns: true when it is to be logged on a line of its own at info.
    package mutating func takes(_ event: String, at now: Duration) -> Bool {
        if windowStart == nil { windowStart = now }
        lines += 1
        if counts[event] == nil { order.append(event) }
        counts[event, default: 0] += 1
        return lines <= Self.linesMax
    }

    /// The sum of a minute that is over; nil while it is not, and when each event had a line of its own.
    package mutating func summary(at now: Duration) -> String? {
        guard let start = windowStart, now - start >= Self.window else { return nil }
        defer { self = LogPace() }
        guard lines > Self.linesMax else { return nil }
        return "jobs in the last minute: " + order.map { "\(counts[$0] ?? 0) \($0)" }.joined(separator: ", ")
    }
}
