import MoedHost

/// Measured speed of an endpoint. A value: time is passed in.
package struct TokenMeter: Sendable, Equatable {
    private static let interval = Duration.seconds(5)
    /// Weight of the newest request in `speed`.
    private static let newest = 0.2

    /// Tokens per second of all requests, over the last interval.
    package private(set) var rate = 0.0
    /// Tokens per second of one request, averaged over the last ones; nil before the first.
    package private(set) var speed: Double?
    private var last: (tokens: Int, time: Duration)?

    package init() {}

    /// - Parameter tokens: tokens received since the beginning.
    package mutating func take(tokens: Int, at now: Duration) {
        guard let before = last else {
            last = (tokens, now)
            return
        }
        guard now - before.time >= Self.interval else { return }
        rate = Double(max(0, tokens - before.tokens)) / (now - before.time).seconds
        last = (tokens, now)
    }

    /// Records a request of `tokens` tokens that took `length` from its sending to its end.
    package mutating func ended(tokens: Int, _ length: Duration) {
        guard tokens > 0, length > .zero else { return }
        let new = Double(tokens) / length.seconds
        speed = speed.map { $0 + Self.newest * (new - $0) } ?? new
    }

    package static func == (one: TokenMeter, other: TokenMeter) -> Bool {
        one.rate == other.rate && one.speed == other.speed
    }
}
