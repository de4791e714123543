import CMoedKernels
import MoedCore
import MoedWeights

/// The model's operations on whole buffers: the kernels, shared out over the threads.
///
/// Work is split by output columns and rows, never along a sum, so a result does not depend on the split.
struct Compute {
    let kernels: KernelSet
    let pool: WorkerPool

    /// Which rows of a buffer to read or write: `count` of them from `first`, or those that an index names.
    struct RowIndex {
        let buffer: RowBuffer<Int32>
        let first: Int
    }

    /// Rows per work item: eight register tiles, so that a tile of weights is used often while it is in the
    /// cache.
    private static let itemRows = 96
    /// Panels per work item at least: the widest register tile.
    private static let itemPanels = 8

    /// out[r, n] = Σ x[r, k] · w[n, k]; x `[rows, inputs]`, out `[rows, outputs]`.
    func multiply(_ x: RowBuffer<Float>, _ weights: PackedMatrix, into out: RowBuffer<Float>, rows: Int) {
        precondition(x.columns >= weights.inputs && out.columns >= weights.outputs)
        precondition(rows <= x.rows && rows <= out.rows)
        let panelItems = (weights.panels + Self.itemPanels - 1) / Self.itemPanels
        let rowItems = (rows + Self.itemRows - 1) / Self.itemRows
        let cost = rows * weights.inputs * weights.outputs
        pool.parallelFor(panelItems * rowItems, cost: cost) { item in
            let panels = part(item / rowItems, of: weights.panels, Self.itemPanels)
            let part = part(item % rowItems, of: rows, Self.itemRows)
            multiply(
                x, part.lowerBound, nil, weights, panels, into: out, part.lowerBound, nil, rows: part.count)
        }
    }

    func part(_ index: Int, of count: Int, _ size: Int) -> Range<Int> {
        index * size..<min((index + 1) * size, count)
    }

    /// One work item of a product; row r is read at `xIndex[r]` or `xRow + r`, written at `outIndex[r]` or
    /// `outRow + r`.
    func multiply(
        _ x: RowBuffer<Float>, _ xRow: Int, _ xIndex: RowIndex?, _ weights: PackedMatrix,
        _ panels: Range<Int>,
        into out: RowBuffer<Float>, _ outRow: Int, _ outIndex: RowIndex?, rows: Int
    ) {
        guard rows > 0 else { return }
        precondition(x.columns >= weights.inputs && out.columns >= weights.outputs)
        precondition(xIndex != nil || xRow + rows <= x.rows)
        precondition(outIndex != nil || outRow + rows <= out.rows)
        var job = unsafe moed_matmul(
            out: out.row(outRow), out_stride: out.stride, out_rows: start(of: outIndex),
            x: x.row(xRow), x_stride: x.stride, x_rows: start(of: xIndex), rows: rows,
            weights: UnsafeRawPointer(weights.start), inputs: weights.inputs, outputs: weights.outputs,
            panel_begin: panels.lowerBound, panel_end: panels.upperBound)
        switch weights.format {
        case .bf16: unsafe kernels.table.pointee.matmul_bf16(&job)
        case .f32: unsafe kernels.table.pointee.matmul_f32(&job)
        case .int8, .int4: preconditionFailure("no kernel for \(weights.format)")
        }
    }

    private func start(of index: RowIndex?) -> UnsafePointer<Int32>? {
        guard let index else { return nil }
        return unsafe UnsafePointer(index.buffer.row(0) + index.first)
    }

    /// The rows' embeddings: row `tokens[r]` of `weights` `[vocabulary, hidden]`.
    func embed(_ tokens: [TokenID], _ weights: PackedMatrix, into out: RowBuffer<Float>) {
        precondition(out.columns >= weights.inputs && tokens.count <= out.rows)
        pool.parallelFor(tokens.count, cost: tokens.count * weights.inputs * 16) { row in
            let token = Int(tokens[row])
            precondition(token >= 0 && token < weights.outputs)
            let width = PackedMatrix.panelOutputs
            let index = token / width * width * weights.inputs + token % width
            switch weights.format {
            case .bf16:
                let source = unsafe weights.start.assumingMemoryBound(to: UInt16.self)
                unsafe moed_widen_bf16(out.row(row), source + index, width, weights.inputs)
            case .f32:
                let source = unsafe weights.start.assumingMemoryBound(to: Float.self)
                unsafe moed_widen_f32(out.row(row), source + index, width, weights.inputs)
            case .int8, .int4: preconditionFailure("no kernel for \(weights.format)")
            }
        }
    }

    /// RMSNorm of rows `source[r]`: x / √(mean x² + ε) · weight.
    func normalise(
        _ x: RowBuffer<Float>, rowsOf source: [Int], _ weight: [Float], epsilon: Float,
        into out: RowBuffer<Float>
    ) {
        precondition(x.columns >= weight.count && out.columns >= weight.count && source.count <= out.rows)
        pool.parallelFor(source.count, cost: source.count * weight.count * 2) { row in
            unsafe kernels.table.pointee.rms_norm(
                out.row(row), out.stride, x.row(source[row]), x.stride, weight, 1, weight.count, epsilon)
        }
    }

    /// x += delta on the first `rows` rows.
    func add(_ delta: RowBuffer<Float>, to x: RowBuffer<Float>, rows: Int) {
        precondition(rows <= x.rows && rows <= delta.rows && x.columns == delta.columns)
        pool.parallelFor(rows, cost: rows * x.columns) { row in
            unsafe kernels.table.pointee.add(x.row(row), delta.row(row), x.columns)
        }
    }
}
