/// What a model of a configuration consists of and what one token costs, in numbers of weights and bytes.
package struct ModelCosts: Sendable, Equatable {
    /// All weights; tied embeddings counted once.
    package let parameters: Int
    /// Weights that one token is multiplied with, the output matrix included; also its multiply-adds, attention
    /// over earlier tokens not counted.
    package let activeParameters: Int
    /// Weights of one expert; 0 without experts.
    package let expertParameters: Int
    package let sparseLayers: Int
    /// Keys and values of one token in all layers, as 32-bit numbers.
    package let keyValueBytesPerToken: Int

    package init(_ configuration: ModelConfiguration) {
        let c = configuration
        let attention = 2 * c.hidden * c.heads * c.headDim + 2 * c.hidden * c.keyValueHeads * c.headDim
        let norms = 2 * c.hidden + 2 * c.headDim
        let dense = 3 * c.hidden * c.intermediate
        let sparse = (0..<c.layers).filter { c.isSparse(layer: $0) }.count
        let expert = c.experts.map { 3 * c.hidden * $0.intermediate } ?? 0
        let router = c.experts.map { c.hidden * $0.count } ?? 0
        let everywhere =
            c.layers * (attention + norms) + (c.layers - sparse) * dense + sparse * router + c.hidden
        let embedding = c.vocabulary * c.hidden
        parameters =
            everywhere + sparse * expert * (c.experts?.count ?? 0) + embedding * (c.tiedEmbeddings ? 1 : 2)
        activeParameters = everywhere + sparse * expert * (c.experts?.perToken ?? 0) + embedding
        expertParameters = expert
        sparseLayers = sparse
        keyValueBytesPerToken = 2 * c.layers * c.keyValueHeads * c.headDim * 4
    }
}
