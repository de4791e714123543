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
    }

    enum FeedForward: Sendable {
        case dense(FeedForwardWeights)
        /// Router `[experts, hidden]`.
        case sparse(router: PackedMatrix, experts: [FeedForwardWeights])
    }

    /// Memory that the weights occupy.
    package let weightByteCount: Int
}
