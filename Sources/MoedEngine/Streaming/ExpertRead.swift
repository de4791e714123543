package import MoedCore
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

/// A read that has ended; `error` is nil when the expert lies in its place and was checked.
package struct EndedRead {
    package var read: ExpertRead
    package var error: EngineError?
}
