import Synchronization

/// How often a loop has come round: written by the loop, read by whoever watches that it still lives.
///
/// The watchdog compares two readings; only that the value changes has a meaning.
package final class ProgressCounter: Sendable {
    /// What the loop is called in messages, e.g. `sweep loop`.
    package let name: String
    private let count = Atomic<UInt64>(0)

    package init(name: String) { self.name = name }

    /// Called by the loop after each piece of real work, and on each idle turn.
    package func advance() { count.wrappingAdd(1, ordering: .relaxed) }

    package var value: UInt64 { count.load(ordering: .relaxed) }
}
