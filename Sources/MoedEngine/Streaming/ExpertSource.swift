import MoedCore

/// The source of experts that are not all in memory when a sweep begins.
///
/// Used by the sweeping thread alone. A layer goes `begin`, then `next` until it gives nothing more; each group that
/// `next` hands out is computed before it is called again.
protocol ExpertSource: AnyObject {
    /// Memory beside the model's weights.
    var byteCount: Int { get }

    /// True once every expert lies where the model says; then the source is not asked any more.
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

extension ExpertSource {
    /// Longest wait for the disk between two checks for an interruption.
    static var patience: Duration { .milliseconds(20) }
}
