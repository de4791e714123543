import Synchronization

/// Asks a long sweep to end between two experts, from any thread. What it was doing is lost.
package final class Interruption: Sendable {
    private let wanted = Atomic<Bool>(false)

    package init() {}

    /// Sweeps end with `EngineError(.interrupted)` from here on.
    package func request() { wanted.store(true, ordering: .relaxed) }
    package var isWanted: Bool { wanted.load(ordering: .relaxed) }
}
