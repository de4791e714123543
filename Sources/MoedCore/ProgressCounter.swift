import Synchronization

/// Counts the rounds of a loop. The loop writes it; the watchdog reads it to detect a stalled loop.
///
/// The watchdog compares two readings: only a change of the value has a meaning.
package final class ProgressCounter: Sendable {
    /// Name of the loop in messages, e.g. `sweep loop`.
    package let name: String
    private let count = Atomic<UInt64>(0)

    package init(name: String) { self.name = name }

    /// Counts one round. The loop calls this after each unit of work and on each idle turn.
    package func advance() { count.wrappingAdd(1, ordering: .relaxed) }

    package var value: UInt64 { count.load(ordering: .relaxed) }
}
