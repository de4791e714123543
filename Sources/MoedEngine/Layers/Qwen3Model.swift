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

        /// Of the activations that query, key and value read; the three have one format.
        var group: Int? { query.format.group }
    }

    enum FeedForward: Sendable {
        case dense(FeedForwardWeights)
        /// Router `[experts, hidden]`.
        case sparse(router: PackedMatrix, experts: [FeedForwardWeights])

        /// Of the activations that gate and up matrices read; all of them have one format.
        var group: Int? {
            switch self {
            case .dense(let network): network.gate.format.group
            case .sparse(_, let experts): experts.first?.gate.format.group
            }
        }
    }

    /// Memory that the weights occupy; streamed experts are not among them.
    package var weightByteCount: Int
    /// How experts are read while the model runs; nil when all weights are in memory. The experts' matrices then
    /// name places in the pack's file, for `ExpertSupply.place`.
    package var streamed: StreamedExperts?

    /// Bytes of one expert, as a pack holds it; 0 without experts.
    var expertByteCount: Int {
        for layer in layers {
            guard case .sparse(_, let experts) = layer.feedForward, let first = experts.first else { continue }
            return [first.gate, first.up, first.down].reduce(0) {
                $0 + $1.byteCount.rounded(upTo: WeightPlaces.matrixAlignment)
            }.rounded(upTo: Pack.expertAlignment)
        }
        return 0
    }

    /// Whether some activations have to be quantised for it.
    var isQuantised: Bool {
        output.format.group != nil
            || layers.contains { $0.attention.group != nil || $0.feedForward.group != nil }
    }

    /// How keys and values are held unless told otherwise: exactly beside exact weights, as f16 where weights are
    /// rounded anyway.
    package var kvFormatDefault: KVFormat { isQuantised ? .f16 : .f32 }
}
