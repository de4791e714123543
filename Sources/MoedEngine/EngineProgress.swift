import Synchronization

/// Counts the layers that an engine has computed since it was made. May be read from any thread: as long as
/// the number grows, the engine is alive.
package final class EngineProgress: Sendable {
    private let layers = Atomic<Int>(0)

    package init() {}

    package var layersComputed: Int { layers.load(ordering: .relaxed) }

    func countLayer() { layers.add(1, ordering: .relaxed) }
}
