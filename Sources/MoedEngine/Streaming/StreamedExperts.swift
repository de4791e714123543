import MoedReading
import MoedCore
import MoedPacks
import MoedWeights

/// The experts of a model that are read while it runs: their table, their file, and how reads are verified.
package struct StreamedExperts: Sendable {
    let table: ExpertTable
    let reader: any ExpertReader
    let verification: ExpertVerification
    /// The model's own memory for them, each at its offset in the file; nil when they share expert places.
    var memory: WeightMemory?

    /// Bytes of an expert place.
    package var placeByteCount: Int { table.placeByteCount }
    package var count: Int { table.count }
}
