import Synchronization

/// Counts the layers, and the groups of streamed experts, that an engine has computed since it was made. May be read
/// from any thread: as long as the number grows, the engine is alive.
package final class EngineProgress: Sendable {
    private let steps = Atomic<Int>(0)

    package init() {}

    package var stepsComputed: Int { steps.load(ordering: .relaxed) }

    func countStep() { steps.add(1, ordering: .relaxed) }
}
