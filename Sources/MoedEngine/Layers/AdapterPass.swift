import MoedCore
import MoedWeights

/// Adds adapters' changes to the rows of their sequences, layer by layer.
final class AdapterPass {
    private let compute: Compute
    private let rowsMax: Int
    /// As large as the adapters so far needed; nil before the first.
    private var buffers: Compute.LowRankBuffers?
    /// Rows of each adapter of the current sweep.
    private var groups: [(adapter: LoadedAdapter, places: Range<Int>)] = []

    init(_ adapters: [LoadedAdapter], rowsMax: Int, _ compute: Compute) throws(EngineError) {
        self.compute = compute
        self.rowsMax = rowsMax
        _ = try buffers(for: adapters)
    }

    var byteCount: Int { buffers.map { $0.inner.byteCount + $0.index.byteCount } ?? 0 }

    private func buffers(for adapters: [LoadedAdapter]) throws(EngineError) -> Compute.LowRankBuffers? {
        guard let ranks = adapters.map(\.ranksMax).max(), ranks > buffers?.inner.columns ?? 0 else { return buffers }
        buffers = Compute.LowRankBuffers(
            inner: try RowBuffer(rows: rowsMax, columns: ranks, purpose: "adapter activations"),
            index: try RowBuffer(rows: 1, columns: rowsMax, purpose: "adapter rows"))
        return buffers
    }

    /// Orders a sweep's rows by adapter; rows without one are left out.
    ///
    /// - Throws: `EngineError(.outOfMemory)` when an adapter has more ranks than those before it, and memory is short.
    func begin(_ sweep: Sweep) throws(EngineError) {
        groups = []
        let adapters = Dictionary(sweep.adapters.compactMap(\.self).map { ($0.number, $0) }) { first, _ in first }
        guard let buffers = try buffers(for: Array(adapters.values)) else { return }
        var place = 0
        for (_, adapter) in adapters.sorted(by: { $0.key < $1.key }) {
            let first = place
            for (span, own) in zip(sweep.spans, sweep.adapters) where own === adapter {
                for row in span.rows {
                    buffers.index[0, place] = Int32(row)
                    place += 1
                }
            }
            groups.append((adapter, first..<place))
        }
    }

    /// True when some row of the sweep has another dense feed-forward network.
    func changesFeedForward(layer: Int) -> Bool {
        groups.contains { adapter, _ in
            [.feedForwardInput, .feedForwardOutput].contains { adapter.products(layer: layer, $0) != nil }
        }
    }

    /// Adds a part's changes to its outputs.
    func add(_ part: AdaptedPart, layer: Int, of x: RowBuffer<Float>, to outputs: [RowBuffer<Float>]) {
        let rows = groups.compactMap { adapter, places in
            adapter.products(layer: layer, part).map { Compute.LowRankRows(products: $0, places: places) }
        }
        if !rows.isEmpty, let buffers { compute.addLowRank(rows, of: x, to: outputs, buffers) }
    }
}
