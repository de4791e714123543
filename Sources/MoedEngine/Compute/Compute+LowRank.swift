import CMoedKernels
import MoedWeights

/// An adapter's change of products of one input: z = A · x, then B · z to each output.
struct LowRankProducts: Sendable {
    /// `[ranks, inputs]`: the factors A of all outputs, one below the other; f32.
    let down: PackedMatrix
    let ups: [Up]

    /// One output's second factor.
    struct Up: Sendable {
        /// Number of the output.
        let output: Int
        /// `[outputs, rank]`: the factor B, times the adapter's scale; f32.
        let factor: PackedMatrix
        /// Column of z with the first of its ranks.
        let column: Int
    }

    var byteCount: Int { down.byteCount + ups.reduce(0) { $0 + $1.factor.byteCount } }
}

extension Compute {
    /// Rows of a sweep that one adapter changes.
    struct LowRankRows {
        let products: LowRankProducts
        /// Places in the index of rows.
        let places: Range<Int>
    }

    /// Buffers of a low-rank change.
    struct LowRankBuffers {
        /// A · x by place, `[rows, ranks]`.
        let inner: RowBuffer<Float>
        /// The sweep's row at each place, `[1, rows]`.
        let index: RowBuffer<Int32>
    }

    private struct LowRankItem {
        let rows: LowRankRows
        let places: Range<Int>
        let up: LowRankProducts.Up?
        let panels: Range<Int>
    }

    /// Panels of one item: of A, whose rows are long, and of B, whose rows are short.
    private static let downPanels = 1
    private static let upPanels = 16
    private static let placesMax = 64

    /// Adds all rows' changes to `outputs`, numbered as in `LowRankProducts.Up`.
    ///
    /// Each row is summed by itself, in ascending order: rows of other adapters leave no trace.
    func addLowRank(
        _ groups: [LowRankRows], of x: RowBuffer<Float>, to outputs: [RowBuffer<Float>], _ buffers: LowRankBuffers
    ) {
        var downs: [LowRankItem] = []
        var ups: [LowRankItem] = []
        var (downCost, upCost) = (0, 0)
        for group in groups {
            let products = group.products
            precondition(products.down.outputs <= buffers.inner.columns && products.down.inputs <= x.columns)
            for places in pieces(of: group.places, Self.placesMax) {
                for panels in pieces(of: 0..<products.down.panels, Self.downPanels) {
                    downs.append(LowRankItem(rows: group, places: places, up: nil, panels: panels))
                }
                for up in products.ups {
                    precondition(up.factor.outputs <= outputs[up.output].columns)
                    for panels in pieces(of: 0..<up.factor.panels, Self.upPanels) {
                        ups.append(LowRankItem(rows: group, places: places, up: up, panels: panels))
                    }
                    upCost += places.count * up.factor.outputs * up.factor.inputs
                }
                downCost += places.count * products.down.outputs * products.down.inputs
            }
        }
        pool.parallelFor(downs.count, cost: downCost) { index in
            let item = downs[index]
            let down = item.rows.products.down
            var job = unsafe moed_matmul(
                out: buffers.inner.row(item.places.lowerBound), out_stride: buffers.inner.stride, out_rows: nil,
                x: x.row(0), x_stride: x.stride, x_rows: places(item, buffers), rows: item.places.count,
                weights: UnsafeRawPointer(down.start), inputs: down.inputs, outputs: down.outputs,
                panel_begin: item.panels.lowerBound, panel_end: item.panels.upperBound)
            unsafe kernels.table.pointee.matmul_f32(&job)
        }
        pool.parallelFor(ups.count, cost: 4 * upCost) { index in
            let item = ups[index]
            guard let up = item.up else { return }
            let out = outputs[up.output]
            var job = unsafe moed_matmul(
                out: out.row(0), out_stride: out.stride, out_rows: places(item, buffers),
                x: buffers.inner.row(item.places.lowerBound) + up.column, x_stride: buffers.inner.stride, x_rows: nil,
                rows: item.places.count, weights: UnsafeRawPointer(up.factor.start), inputs: up.factor.inputs,
                outputs: up.factor.outputs, panel_begin: item.panels.lowerBound, panel_end: item.panels.upperBound)
            unsafe kernels.table.pointee.low_rank_add(&job)
        }
    }

    private func places(_ item: LowRankItem, _ buffers: LowRankBuffers) -> UnsafePointer<Int32> {
        unsafe UnsafePointer(buffers.index.row(0) + item.places.lowerBound)
    }

    private func pieces(of range: Range<Int>, _ size: Int) -> [Range<Int>] {
        stride(from: range.lowerBound, to: range.upperBound, by: size).map { $0..<min($0 + size, range.upperBound) }
    }

    /// gate = silu(gate) · up on whole rows, quantised for the matrix that reads them.
    func activate(_ scratch: Intermediate, for down: PackedMatrix, rows: Int) {
        pool.parallelFor(rows, cost: rows * down.inputs * 60) { row in
            unsafe kernels.table.pointee.silu_mul(
                scratch.gate.floats.row(row), scratch.up.row(row), scratch.gate.floats.stride, 1, 0, down.inputs)
            quantise(
                scratch.gate, rows: row..<row + 1, columns: 0..<down.inputs, inputs: down.inputs,
                quantGroup: down.format.quantGroup)
        }
    }
}
