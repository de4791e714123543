import Synchronization

/// Counts finite keys and values that are beyond the range of the cache's format.
package final class KVClamps: Sendable {
    private let total = Atomic<Int>(0)

    init() {}

    package var count: Int { total.load(ordering: .relaxed) }

    func add(_ clamped: Int) {
        if clamped > 0 { total.wrappingAdd(clamped, ordering: .relaxed) }
    }
}
