import MoedCore
import MoedWeights

/// That a model's experts are read while it runs, and from where.
package struct StreamedExperts: Sendable {
    let bank: ExpertBank
    let reader: any ExpertReader
    let verification: ExpertVerification
    /// The model's own memory for them, each at its offset in the file; nil when they come and go in slots.
    var memory: WeightMemory?

    /// Bytes of a slot.
    package var slotByteCount: Int { bank.slotByteCount }
    package var count: Int { bank.count }
}
