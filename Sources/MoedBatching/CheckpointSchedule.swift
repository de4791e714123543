/// Decides when the new tokens of running jobs are checkpointed. This limits the tokens lost in a crash.
package struct CheckpointSchedule: Sendable {
    /// Divisor of the interval for the minimum time between checkpoints. A fast model would otherwise write many times
    /// a second.
    private static let briefestPart = 20
    private let interval: Duration
    private let tokens: Int
    private var last: (time: Duration, sweeps: Int)?

    /// - Parameters:
    ///   - interval: maximum time between checkpoints; the minimum is a twentieth of it.
    ///   - tokens: number of new tokens of one sequence that makes a checkpoint due before the interval ends.
    package init(interval: Duration, tokens: Int) {
        self.interval = interval
        self.tokens = tokens
    }

    /// Returns true when a checkpoint is due, and records it as written. A sweep gives each sequence one token.
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
