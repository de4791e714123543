import MoedHost
import MoedQueue
import MoedSystemd

/// An outage of the database, as status line, health and log show it.
package struct DatabaseOutage: Sendable, Equatable {
    /// Begin of the outage, in seconds since 1970.
    package var since: Int64
    /// The last error.
    package var reason: String
    /// True when the server answers and refuses a statement.
    package var isAnswered: Bool

    /// - Parameters:
    ///   - earlier: the outage so far; nil when this error begins it.
    ///   - now: time of the error, in seconds since 1970.
    package init(_ error: any Error, after earlier: DatabaseOutage?, now: Int64 = UnixTime.now) {
        since = earlier?.since ?? now
        reason = "\(error)"
        isAnswered = (error as? QueueError)?.isAnswered ?? false
    }

    /// `text` as the beginning of a status line.
    package var statusText: String { text.prefix(1).uppercased() + text.dropFirst() }

    /// “waiting for PostgreSQL since 2026-11-30T03:04:05Z: connection refused”.
    package var text: String {
        let time = LogTimestamp(milliseconds: since &* 1000).description.prefix(19) + "Z"
        return isAnswered
            ? "PostgreSQL answers, but a statement fails since \(time): \(reason)"
            : "waiting for PostgreSQL since \(time): \(reason)"
    }
}
