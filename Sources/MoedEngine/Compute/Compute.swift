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
    /// Panels of a work item are a multiple of this: the widest register tile, and whole groups of the
    /// activations that the item makes.
    private static let itemPanels = 8

    /// out[r, n] = Σ x[r, k] · w[n, k]; x `[rows, inputs]`, w `[outputs, inputs]`, out `[rows, outputs]`.
    struct Product {
        let weights: PackedMatrix
        let out: RowBuffer<Float>
    }

    /// Products of one `x` with several matrices, in one loop: fewer ends at which a thread waits for the other.
    ///
    /// - Parameter products: kept by the caller, or a `CollectionOfOne`: nothing is allocated for a sweep's products.
    /// - Precondition: the rows of `x` are quantised when the weights are.
    func multiply<Products: RandomAccessCollection<Product>>(
        _ x: ActivationRows, _ products: Products, rows: Int
    ) {
        precondition(products.allSatisfy { rows <= $0.out.rows })
        let rowItems = (rows + Self.itemRows - 1) / Self.itemRows
        // With many rows the items of one share take turns on its panels, which should stay in the cache.
        let allPanels = products.reduce(0) { $0 + $1.weights.panels }
        let onePerThread = max(1, (allPanels + pool.threads - 1) / pool.threads)
        let size = rowItems > 1 ? Self.itemPanels : min(share(of: allPanels, matrices: 1), onePerThread)
        let panelItems = { (product: Product) in (product.weights.panels + size - 1) / size }
        let cost = products.reduce(0) { $0 + rows * $1.weights.inputs * $1.weights.outputs }
        let items = products.reduce(0) { $0 + panelItems($1) * rowItems }
        pool.parallelFor(items, cost: cost) { item in
            var panelItem = item / rowItems
            var index = products.startIndex
            while panelItem >= panelItems(products[index]) {
                panelItem -= panelItems(products[index])
                index = products.index(after: index)
            }
            let product = products[index]
            let panels = part(panelItem, of: product.weights.panels, size)
            let part = part(item % rowItems, of: rows, Self.itemRows)
            multiply(
                x, part.lowerBound, nil, product.weights, panels, into: product.out, part.lowerBound, nil,
                rows: part.count)
        }
    }

    /// Panels per work item, of `matrices` matrices with `panels` panels each: as many as leave every thread
    /// some eight items, since within an item the next weights are fetched ahead.
    func share(of panels: Int, matrices: Int) -> Int {
        let wanted = panels * matrices / (pool.threads * 8)
        return min(max(wanted / Self.itemPanels * Self.itemPanels, Self.itemPanels), max(panels, 1))
    }

    func part(_ index: Int, of count: Int, _ size: Int) -> Range<Int> {
        index * size..<min((index + 1) * size, count)
    }

    /// One work item of a product; row r is read at `xIndex[r]` or `xRow + r`, written at `outIndex[r]` or
    /// `outRow + r`.
    func multiply(
        _ x: ActivationRows, _ xRow: Int, _ xIndex: RowIndex?, _ weights: PackedMatrix,
        _ panels: Range<Int>,
        into out: RowBuffer<Float>, _ outRow: Int, _ outIndex: RowIndex?, rows: Int
    ) {
        guard rows > 0 else { return }
        precondition(x.floats.columns >= weights.inputs && out.columns >= weights.outputs)
        precondition(xIndex != nil || xRow + rows <= x.floats.rows)
        precondition(outIndex != nil || outRow + rows <= out.rows)
        if let group = weights.format.group {
            guard let codes = x.codes else { preconditionFailure("the activations are not quantised") }
            precondition(codes.columns >= moed_activation_bytes(weights.inputs, group))
            var job = unsafe moed_matmul_quantised(
                out: out.row(outRow), out_stride: out.stride, out_rows: start(of: outIndex),
                x: UnsafeRawPointer(codes.row(xRow)), x_stride: codes.stride, x_rows: start(of: xIndex),
                rows: rows, weights: UnsafeRawPointer(weights.start), inputs: weights.inputs,
                outputs: weights.outputs, group: group, panel_begin: panels.lowerBound,
                panel_end: panels.upperBound)
            if weights.format.bits == 8 {
                unsafe kernels.table.pointee.matmul_int8(&job)
            } else {
                unsafe kernels.table.pointee.matmul_int4(&job)
            }
            return
        }
        var job = unsafe moed_matmul(
            out: out.row(outRow), out_stride: out.stride, out_rows: start(of: outIndex),
            x: x.floats.row(xRow), x_stride: x.floats.stride, x_rows: start(of: xIndex), rows: rows,
            weights: UnsafeRawPointer(weights.start), inputs: weights.inputs, outputs: weights.outputs,
            panel_begin: panels.lowerBound, panel_end: panels.upperBound)
        if weights.format == .bf16 {
            unsafe kernels.table.pointee.matmul_bf16(&job)
        } else {
            unsafe kernels.table.pointee.matmul_f32(&job)
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
            let panel = unsafe weights.start + token / width * weights.panelByteCount
            let target = unsafe out.row(row)
            switch weights.format {
            case .bf16:
                let source = unsafe panel.assumingMemoryBound(to: UInt16.self)
                unsafe moed_widen_bf16(target, source + token % width, width, weights.inputs)
            case .f32:
                let source = unsafe panel.assumingMemoryBound(to: Float.self)
                unsafe moed_widen_f32(target, source + token % width, width, weights.inputs)
            case .int8(let group), .int4(let group):
                unsafe moed_dequantise_row(
                    target, panel, token % width, weights.inputs, Int32(weights.format.bits), group)
            }
        }
    }

    /// RMSNorm of rows `source[r]`: x / √(mean x² + ε) · weight.
    ///
    /// - Parameter group: when not nil, the results are quantised too.
    func normalise(
        _ x: RowBuffer<Float>, rowsOf source: [Int], _ weight: [Float], epsilon: Float,
        into out: ActivationRows, group: Int?
    ) {
        let target = out.floats
        precondition(x.columns >= weight.count && target.columns >= weight.count)
        precondition(source.count <= target.rows)
        pool.parallelFor(source.count, cost: source.count * weight.count * 75) { row in
            unsafe kernels.table.pointee.rms_norm(
                target.row(row), target.stride, x.row(source[row]), x.stride, weight, 1, weight.count, epsilon
            )
            quantise(
                out, rows: row..<row + 1, columns: 0..<weight.count, inputs: weight.count, group: group)
        }
    }

    /// x += delta on the first `rows` rows.
    func add(_ delta: RowBuffer<Float>, to x: RowBuffer<Float>, rows: Int) {
        precondition(rows <= x.rows && rows <= delta.rows && x.columns == delta.columns)
        pool.parallelFor(rows, cost: rows * x.columns * 3) { row in
            unsafe kernels.table.pointee.add(x.row(row), delta.row(row), x.columns)
        }
    }
}
