import Synchronization

/// Bytes of the masks that all grammars of a vocabulary keep together.
package final class MaskBudget: Sendable {
    /// Some 800 masks of a vocabulary of 151,936 tokens.
    package static let bytesMax = 16 << 20

    private let used = Mutex(0)

    /// Takes bytes; false when the budget lacks them.
    func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard bytes <= Self.bytesMax - used else { return false }
            used += bytes
            return true
        }
    }

    func give(_ bytes: Int) { used.withLock { $0 -= bytes } }
}
