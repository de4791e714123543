import MoedCore
import MoedWeights

/// Adds adapters' changes to the rows of their sequences, layer by layer.
final class AdapterPass {
    private let compute: Compute
    private let adapters: LoadedAdapters
    private let buffers: Compute.LowRankBuffers
    /// Rows of each adapter of the current sweep.
    private var groups: [(adapter: Int, places: Range<Int>)] = []

    init(_ adapters: LoadedAdapters, rowsMax: Int, _ compute: Compute) throws(EngineError) {
        self.adapters = adapters
        self.compute = compute
        buffers = Compute.LowRankBuffers(
            inner: try RowBuffer(rows: rowsMax, columns: adapters.ranksMax, purpose: "adapter activations"),
            index: try RowBuffer(rows: 1, columns: rowsMax, purpose: "adapter rows"))
    }

    var byteCount: Int { buffers.inner.byteCount + buffers.index.byteCount }

    /// Orders a sweep's rows by adapter; rows without one are left out.
    func begin(_ sweep: Sweep) {
        groups = []
        var place = 0
        for adapter in Set(sweep.adapters.compactMap(\.self)).sorted() {
            let first = place
            for (span, own) in zip(sweep.spans, sweep.adapters) where own == adapter {
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
            [.feedForwardInput, .feedForwardOutput].contains { adapters.products(adapter, layer: layer, $0) != nil }
        }
    }

    /// Adds a part's changes to its outputs.
    func add(_ part: AdaptedPart, layer: Int, of x: RowBuffer<Float>, to outputs: [RowBuffer<Float>]) {
        let rows = groups.compactMap { adapter, places in
            adapters.products(adapter, layer: layer, part).map { Compute.LowRankRows(products: $0, places: places) }
        }
        if !rows.isEmpty { compute.addLowRank(rows, of: x, to: outputs, buffers) }
    }
}
