import MoedCore

/// The rows of one pass through all layers: tokens of many sequences side by side.
struct Sweep {
    var tokens: [TokenID] = []
    var positions: [Int] = []
    var attention = Compute.AttentionRows()
    /// KV blocks of the sequences, one after the other, as `spans` refer to them.
    var blocks: [UInt32] = []
    /// Each span's adapter; nil for the base alone.
    private(set) var adapters: [LoadedAdapter?] = []

    var rows: Int { tokens.count }
    var spans: [Compute.AttentionSpan] { attention.spans }

    mutating func append(_ tokens: [TokenID], at position: Int, blocks: [UInt32], adapter: LoadedAdapter? = nil) {
        attention.append(
            Compute.AttentionSpan(
                rows: rows..<rows + tokens.count, firstPosition: position, blocksStart: self.blocks.count))
        positions.append(contentsOf: position..<position + tokens.count)
        self.tokens.append(contentsOf: tokens)
        self.blocks.append(contentsOf: blocks)
        adapters.append(adapter)
    }
}
