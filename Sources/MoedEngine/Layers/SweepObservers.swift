/// An intermediate result of a forward pass, row after row without gaps.
package struct TraceTensor {
    package enum Name: String, Sendable {
        /// After the embedding, `[rows, hidden]`.
        case embedding
        /// After the attention's output projection, before the residual sum, `[rows, hidden]`.
        case attentionOutput
        /// `[rows, experts]`
        case routerLogits
        /// Chosen experts, most probable first, `[rows, k]`, as numbers.
        case expertIDs
        /// Their weights as applied, `[rows, k]`.
        case expertWeights
        /// After the feed-forward layer, before the residual sum, `[rows, hidden]`.
        case feedForwardOutput
        /// The residual stream after the layer, `[rows, hidden]`.
        case layerOutput
        /// The rows whose logits are computed, after the final norm, `[rows, hidden]`.
        case finalNorm
    }

    package let name: Name
    /// Nil for the embedding and the final norm.
    package let layer: Int?
    package let values: [Float]
}

/// Called on the sweeping thread with each intermediate result.
package typealias TraceObserver = (TraceTensor) -> Void

/// The experts that a layer of a sweep sends rows to.
package struct ExpertUse: Sendable, Equatable {
    /// Number of the layer, dense layers counted.
    package let layer: Int
    /// Rows of the sweep.
    package let rows: Int
    /// Numbers within the layer, ascending.
    package let experts: [Int]
}

/// Called on the sweeping thread for each sparse layer of a sweep.
package typealias RoutingObserver = (ExpertUse) -> Void
