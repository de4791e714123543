/// A weight matrix `[outputs, inputs]`.
package struct MatrixShape: Sendable, Hashable {
    package var outputs: Int
    package var inputs: Int

    package init(_ outputs: Int, _ inputs: Int) {
        self.outputs = outputs
        self.inputs = inputs
    }

    /// Number of weights.
    package var count: Int { outputs * inputs }
}

/// The matrices of an attention layer.
package struct AttentionShape: Sendable, Equatable {
    package let query: MatrixShape
    /// Matrix of the keys, and of the values.
    package let keyValue: MatrixShape
    package let output: MatrixShape
    /// Weights of the norms of queries and keys, each.
    package let headDim: Int

    /// Columns of the queries: heads · head size.
    package var queryWidth: Int { query.outputs }
    /// Columns of the keys, and of the values.
    package var keyValueWidth: Int { keyValue.outputs }
    /// Weights of all matrices.
    package var count: Int { query.count + 2 * keyValue.count + output.count }
}

/// A feed-forward network, dense or one expert: down · (silu(gate · x) ⊙ up · x).
package struct FeedForwardShape: Sendable, Equatable {
    package let hidden: Int
    package let intermediate: Int

    package init(hidden: Int, intermediate: Int) {
        self.hidden = hidden
        self.intermediate = intermediate
    }

    /// Gate, up and down, in the order of files and memory.
    package var matrices: [(name: String, shape: MatrixShape)] {
        [
            ("gate_proj", MatrixShape(intermediate, hidden)), ("up_proj", MatrixShape(intermediate, hidden)),
            ("down_proj", MatrixShape(hidden, intermediate)),
        ]
    }

    /// Weights of all matrices.
    package var count: Int { 3 * hidden * intermediate }
}

/// Sizes of a model's parts, derived from its configuration. Every other place asks here.
package struct ModelShape: Sendable {
    package let hidden: Int
    /// `[vocabulary, hidden]`, also of the output matrix.
    package let embedding: MatrixShape
    package let attention: AttentionShape
    /// Network of a dense layer.
    package let dense: FeedForwardShape
    /// Network of one expert; nil without experts.
    package let expert: FeedForwardShape?
    /// Router of a sparse layer; nil without experts.
    package let router: MatrixShape?
    /// Number of each layer among the sparse ones; nil for dense layers.
    package let sparseIndex: [Int?]
    /// Experts of a sparse layer; 0 for a model without experts.
    package let expertsPerLayer: Int

    package init(_ c: ModelConfiguration) {
        hidden = c.hidden
        embedding = MatrixShape(c.vocabulary, c.hidden)
        attention = AttentionShape(
            query: MatrixShape(c.heads * c.headDim, c.hidden),
            keyValue: MatrixShape(c.keyValueHeads * c.headDim, c.hidden),
            output: MatrixShape(c.hidden, c.heads * c.headDim), headDim: c.headDim)
        dense = FeedForwardShape(hidden: c.hidden, intermediate: c.intermediate)
        expert = c.experts.map { FeedForwardShape(hidden: c.hidden, intermediate: $0.intermediate) }
        router = c.experts.map { MatrixShape($0.count, c.hidden) }
        expertsPerLayer = c.experts?.count ?? 0
        var sparse = 0
        sparseIndex = (0..<c.layers).map { layer in
            guard c.isSparse(layer: layer) else { return nil }
            defer { sparse += 1 }
            return sparse
        }
    }

    package var layers: Int { sparseIndex.count }
    package var sparseLayers: Int { sparseIndex.count { $0 != nil } }
    package var denseLayers: Int { layers - sparseLayers }
    /// Experts of all layers.
    package var expertCount: Int { sparseLayers * expertsPerLayer }
    /// Weights of one layer's norms.
    package var normsPerLayer: Int { 2 * hidden + 2 * attention.headDim }
    /// Columns of keys and values of one token, all layers together.
    package var keyValueColumns: Int { layers * 2 * attention.keyValueWidth }
}

extension ModelConfiguration {
    package var shape: ModelShape { ModelShape(self) }
}
