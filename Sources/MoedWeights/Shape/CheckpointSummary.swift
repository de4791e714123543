/// Sizes and costs of a model, from its configuration.
package struct CheckpointSummary: Sendable, Equatable {
    package var architecture: ModelConfiguration.Architecture
    package var parameters: Int
    /// Parameters that one token's pass reads: those of the chosen experts only, of the embedding one row (or
    /// the whole matrix, where it is the output matrix too).
    package var activeParameters: Int
    /// Bytes of the tensors on disk.
    package var weightBytes: Int
    /// Keys and values of one token in all layers, f32.
    package var keyValueBytesPerToken: Int
    /// Multiply-adds of one token's matrix products, attention over earlier tokens not counted.
    package var multiplyAddsPerToken: Int
}

extension Checkpoint {
    package var summary: CheckpointSummary { CheckpointSummary(configuration, weightBytes: byteCount) }
}

extension CheckpointSummary {
    /// - Parameter weightBytes: of the weights on disk.
    package init(_ c: ModelConfiguration, weightBytes: Int) {
        let queryWidth = c.heads * c.headDim
        let keyWidth = c.keyValueHeads * c.headDim
        let attention = c.hidden * (2 * queryWidth + 2 * keyWidth)
        let norms = 2 * c.hidden + 2 * c.headDim
        let vocabulary = c.vocabulary * c.hidden
        var total = vocabulary + c.hidden
        var products = vocabulary
        if !c.tiedEmbeddings { total += vocabulary }
        for layer in 0..<c.layers {
            total += attention + norms
            products += attention
            if let experts = c.experts, c.isSparse(layer: layer) {
                let expert = 3 * c.hidden * experts.intermediate
                total += experts.count * (c.hidden + expert)
                products += experts.count * c.hidden + experts.perToken * expert
            } else {
                total += 3 * c.hidden * c.intermediate
                products += 3 * c.hidden * c.intermediate
            }
        }
        let oneRow = c.tiedEmbeddings ? 0 : c.hidden
        self.init(
            architecture: c.architecture, parameters: total,
            activeParameters: products + c.layers * norms + c.hidden + oneRow, weightBytes: weightBytes,
            keyValueBytesPerToken: c.layers * 2 * keyWidth * 4, multiplyAddsPerToken: products)
    }
}
