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

extension CheckpointSummary {
    /// - Parameter weightBytes: of the weights on disk.
    package init(_ c: ModelConfiguration, weightBytes: Int) {
        let shape = c.shape
        let vocabulary = shape.embedding.count
        var total = vocabulary + shape.hidden + shape.layers * (shape.attention.count + shape.normsPerLayer)
        var products = vocabulary + shape.layers * shape.attention.count
        if !c.tiedEmbeddings { total += vocabulary }
        total += shape.denseLayers * shape.dense.count
        products += shape.denseLayers * shape.dense.count
        if let experts = c.experts, let expert = shape.expert, let router = shape.router {
            total += shape.sparseLayers * (router.count + experts.count * expert.count)
            products += shape.sparseLayers * (router.count + experts.perToken * expert.count)
        }
        let oneRow = c.tiedEmbeddings ? 0 : shape.hidden
        self.init(
            architecture: c.architecture, parameters: total,
            activeParameters: products + shape.layers * shape.normsPerLayer + shape.hidden + oneRow,
            weightBytes: weightBytes, keyValueBytesPerToken: shape.keyValueColumns * 4,
            multiplyAddsPerToken: products)
    }
}
