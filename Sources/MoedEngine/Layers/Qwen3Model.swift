import MoedPacks
package import MoedWeights

/// A loaded Qwen3 or Qwen3-MoE model: configuration and weights, never changed, shared by whoever computes
/// with it.
package struct Qwen3Model: Sendable {
    package let configuration: ModelConfiguration
    /// `[vocabulary, hidden]`
    let embedding: PackedMatrix
    let layers: [Layer]
    /// `[hidden]`
    let finalNorm: [Float]
    /// `[vocabulary, hidden]`; the embedding itself when they are tied.
    let output: PackedMatrix
    /// Radians per position for each pair of a head's dimensions, `[headDim / 2]`.
    package let inverseFrequencies: [Float]

    struct Layer: Sendable {
        let attentionNorm: [Float]
        let attention: Attention
        let feedForwardNorm: [Float]
        let feedForward: FeedForward
    }

    struct Attention: Sendable {
        /// `[heads · headDim, hidden]`
        let query: PackedMatrix
        /// `[keyValueHeads · headDim, hidden]`
        let key: PackedMatrix
        let value: PackedMatrix
        /// `[hidden, heads · headDim]`
        let output: PackedMatrix
        /// `[headDim]`, applied to every head
        let queryNorm: [Float]
        let keyNorm: [Float]

        /// Quant group of the activations that query, key and value read; the three have one format.
        var quantGroup: Int? { query.format.quantGroup }
    }

    enum FeedForward: Sendable {
        case dense(FeedForwardWeights)
        /// Router `[experts, hidden]`.
        case sparse(router: PackedMatrix, experts: [FeedForwardWeights])

        /// Quant group of the activations that gate and up matrices read; all of them have one format.
        var quantGroup: Int? {
            switch self {
            case .dense(let network): network.gate.format.quantGroup
            case .sparse(_, let experts): experts.first?.gate.format.quantGroup
            }
        }
    }

    /// Memory that the weights occupy; streamed experts are not among them.
    package var weightByteCount: Int
    /// The experts that are read while the model runs; nil when all weights are in memory. The experts' matrices then
    /// name places in the pack's file, for `ExpertSource.place`.
    package var streamed: StreamedExperts?
    /// Adapters that sequences of new engines can ask for.
    var adapters: [LoadedAdapter] = []

    /// Bytes of one expert as a pack holds it, padding included; 0 without experts.
    var expertByteCount: Int {
        for layer in layers {
            guard let shape = configuration.shape.expert, case .sparse(_, let experts) = layer.feedForward,
                let first = experts.first
            else { continue }
            return ExpertLayout(shape, first.matrices.map(\.format)).paddedByteCount
        }
        return 0
    }

    /// True when some activations have to be quantised for it.
    var isQuantised: Bool {
        output.format.quantGroup != nil
            || layers.contains { $0.attention.quantGroup != nil || $0.feedForward.quantGroup != nil }
    }

    /// Format of keys and values unless a setting names one: exact beside exact weights, f16 beside quantised ones.
    package var kvFormatDefault: KVFormat { isQuantised ? .f16 : .f32 }
}
