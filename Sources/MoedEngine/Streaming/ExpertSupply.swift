import MoedCore

/// Where a sweep gets experts from that are not all in memory.
///
/// Used by the sweeping thread alone. A layer goes `begin`, then `next` until it gives nothing more; each group that
/// `next` hands out is computed before it is called again.
protocol ExpertSupply: AnyObject {
    /// Memory beside the model's weights.
    var byteCount: Int { get }

    /// Whether every expert lies where the model says: then nothing need be asked for any more.
    var isComplete: Bool { get }

    /// A layer's rows go to these experts, numbered within it.
    func begin(layer: Int, experts: [Int])

    /// Experts of the layer, numbered within it, that can be computed; empty when all are done.
    ///
    /// - Throws: `EngineError(.io)` naming file and expert when one cannot be read, `(.interrupted)`; the sweep is
    ///   over then.
    func next() throws(EngineError) -> [Int]

    /// An expert's weights where they lie now.
    ///
    /// - Parameter weights: as the model has them.
    func place(_ weights: FeedForwardWeights, layer: Int, expert: Int) -> FeedForwardWeights
}

extension ExpertSupply {
    /// How long to wait for the disk before looking whether somebody wants the sweep to end.
    static var patience: Duration { .milliseconds(20) }
}
