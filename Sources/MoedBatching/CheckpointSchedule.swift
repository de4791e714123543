/// When running jobs' new tokens are written down: what a crash costs at most.
package struct CheckpointSchedule: Sendable {
    /// A fast model would otherwise write many times a second.
    private static let briefestPart = 20
    private let interval: Duration
    private let tokens: Int
    private var last: (time: Duration, sweeps: Int)?

    /// - Parameters:
    ///   - interval: written at least this often; never after less than a twentieth of it.
    ///   - tokens: of one sequence, after which they are written earlier.
    package init(interval: Duration, tokens: Int) {
        self.interval = interval
        self.tokens = tokens
    }

    /// Whether it is time, and counts it as done. A sweep gives each sequence one token.
    package mutating func take(now: Duration, sweeps: Int) -> Bool {
        guard let last else {
            last = (now, sweeps)
            return false
        }
        let passed = now - last.time
        guard
            passed >= interval
                || (sweeps - last.sweeps >= tokens && passed >= interval / Self.briefestPart)
        else { return false }
        self.last = (now, sweeps)
        return true
    }
}
