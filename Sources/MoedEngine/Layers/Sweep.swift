import MoedCore

/// The rows of one pass through all layers: tokens of many sequences side by side.
struct Sweep {
    var tokens: [TokenID] = []
    var positions: [Int] = []
    var attention = Compute.AttentionRows()
    /// KV blocks of the sequences, one after the other, as `spans` refer to them.
    var blocks: [UInt32] = []

    var rows: Int { tokens.count }
    var spans: [Compute.AttentionSpan] { attention.spans }

    mutating func append(_ tokens: [TokenID], at position: Int, blocks: [UInt32]) {
        attention.append(
            Compute.AttentionSpan(
                rows: rows..<rows + tokens.count, firstPosition: position, blocksStart: self.blocks.count))
        positions.append(contentsOf: position..<position + tokens.count)
        self.tokens.append(contentsOf: tokens)
        self.blocks.append(contentsOf: blocks)
    }
}

/// What an observer of a forward pass is shown, row after row without gaps.
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
    }

    package let name: Name
    /// Nil for the embedding.
    package let layer: Int?
    package let values: [Float]
}

package typealias TraceObserver = (TraceTensor) -> Void

/// Told, on the sweeping thread, which experts (the third argument) of a layer (the first, dense ones counted) a sweep
/// of so many rows (the second) uses.
package typealias RoutingObserver = (Int, Int, [Int]) -> Void
