package import MoedPacks
import MoedWeights

/// A read of one expert into one expert place.
package struct ExpertRead: Sendable, Hashable {
    package var key: ExpertTable.Key
    package var place: Int

    package init(key: ExpertTable.Key, place: Int) {
        self.key = key
        self.place = place
    }
}
