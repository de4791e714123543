import CMoedKernels
import MoedCore
import MoedWeights

/// The model's operations on whole buffers: the kernels, shared out over the threads.
///
/// Work is split by output columns and rows, never along a sum, so a result does not depend on the split.
struct Compute {
    let kernels: KernelSet
    let pool: WorkerPool
    var fetch = FetchTuning.standard

    /// Rows of a buffer to read or write: row r is row `first + r`, or the one that `index` names at `first + r`.
    struct RowPlaces {
        let first: Int
        let index: RowBuffer<Int32>?

        init(from first: Int, index: RowBuffer<Int32>? = nil) {
            self.first = first
            self.index = index
        }

        /// First row of the buffer that a kernel is given.
        fileprivate var base: Int { index == nil ? first : 0 }
        /// Row numbers for a kernel; nil for rows side by side.
        fileprivate var start: UnsafePointer<Int32>? {
            guard let index else { return nil }
            return unsafe UnsafePointer(index.row(0) + first)
        }

        fileprivate func fit(_ rows: Int, of buffer: Int) -> Bool { index != nil || first + rows <= buffer }
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

    /// One product.
    ///
    /// - Precondition: the rows of `x` are quantised when the weights are.
    func multiply(_ x: ActivationRows, _ weights: PackedMatrix, into out: RowBuffer<Float>, rows: Int) {
        multiply(x, count: 1, rows: rows) { _ in Product(weights: weights, out: out) }
    }

    /// Products of one `x` with several matrices, in one loop: fewer ends at which a thread waits for the other.
    ///
    /// - Precondition: the rows of `x` are quantised when the weights are.
    func multiply(_ x: ActivationRows, _ products: [Product], rows: Int) {
        multiply(x, count: products.count, rows: rows) { products[$0] }
    }

    private func multiply(_ x: ActivationRows, count: Int, rows: Int, _ product: (Int) -> Product) {
        let rowItems = (rows + Self.itemRows - 1) / Self.itemRows
        var allPanels = 0
        var cost = 0
        for index in 0..<count {
            let product = product(index)
            precondition(rows <= product.out.rows)
            allPanels += product.weights.panels
            cost += rows * product.weights.inputs * product.weights.outputs
        }
        // With many rows the items of one share take turns on its panels, which should stay in the cache.
        let onePerThread = max(1, (allPanels + pool.threads - 1) / pool.threads)
        let size = rowItems > 1 ? Self.itemPanels : min(share(of: allPanels, matrices: 1), onePerThread)
        let panelItems = { (product: Product) in (product.weights.panels + size - 1) / size }
        let items = (0..<count).reduce(0) { $0 + panelItems(product($1)) * rowItems }
        pool.parallelFor(items, cost: cost) { item in
            var panelItem = item / rowItems
            var index = 0
            while panelItem >= panelItems(product(index)) {
                panelItem -= panelItems(product(index))
                index += 1
            }
            let product = product(index)
            let panels = part(panelItem, of: product.weights.panels, size)
            let part = part(item % rowItems, of: rows, Self.itemRows)
            let place = RowPlaces(from: part.lowerBound)
            multiply(x, place, product.weights, panels, into: product.out, place, rows: part.count)
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

    /// One work item of a product: rows of `x` at `source` times `panels` of the weights, to rows of `out` at `target`.
    func multiply(
        _ x: ActivationRows, _ source: RowPlaces, _ weights: PackedMatrix, _ panels: Range<Int>,
        into out: RowBuffer<Float>, _ target: RowPlaces, rows: Int
    ) {
        guard rows > 0 else { return }
        precondition(x.floats.columns >= weights.inputs && out.columns >= weights.outputs)
        precondition(source.fit(rows, of: x.floats.rows) && target.fit(rows, of: out.rows))
        if let group = weights.format.quantGroup {
            guard let codes = x.codes else { preconditionFailure("the activations are not quantised") }
            precondition(codes.columns >= moed_activation_bytes(weights.inputs, group))
            var job = unsafe moed_matmul_quantised(
                out: out.row(target.base), out_stride: out.stride, out_rows: target.start,
                x: UnsafeRawPointer(codes.row(source.base)), x_stride: codes.stride, x_rows: source.start,
                rows: rows, weights: UnsafeRawPointer(weights.start), inputs: weights.inputs,
                outputs: weights.outputs, quant_group: group, panel_begin: panels.lowerBound,
                panel_end: panels.upperBound, fetch: fetch.distances(bits: weights.format.bits))
            if case .kept(let kept) = weights.format {
                unsafe kernels.table.pointee.matmul_kept(&job, kept.form)
            } else if weights.format.bits == 8 {
                unsafe kernels.table.pointee.matmul_int8(&job)
            } else {
                unsafe kernels.table.pointee.matmul_int4(&job)
            }
            return
        }
        var job = unsafe moed_matmul(
            out: out.row(target.base), out_stride: out.stride, out_rows: target.start,
            x: x.floats.row(source.base), x_stride: x.floats.stride, x_rows: source.start, rows: rows,
            weights: UnsafeRawPointer(weights.start), inputs: weights.inputs, outputs: weights.outputs,
            panel_begin: panels.lowerBound, panel_end: panels.upperBound)
        if weights.format == .bf16 {
            unsafe kernels.table.pointee.matmul_bf16(&job)
        } else {
            unsafe kernels.table.pointee.matmul_f32(&job)
        }
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
            case .kept(let kept):
                unsafe moed_dequantise_kept_row(
                    target, panel, kept.form, token % width, weights.inputs, kept.group)
            case .keep: preconditionFailure("a wish is no format")
            case .int8(let group), .int4(let group):
                unsafe moed_dequantise_row(
                    target, panel, token % width, weights.inputs, Int32(weights.format.bits), group)
            }
        }
    }

    /// RMSNorm of rows `source[r]`: x / √(mean x² + ε) · weight.
    ///
    /// - Parameter quantGroup: of the weights that read the results; nil leaves them unquantised.
    func normalise(
        _ x: RowBuffer<Float>, rowsOf source: [Int], _ weight: [Float], epsilon: Float,
        into out: ActivationRows, quantGroup: Int?
    ) {
        let target = out.floats
        precondition(x.columns >= weight.count && target.columns >= weight.count)
        precondition(source.count <= target.rows)
        pool.parallelFor(source.count, cost: source.count * weight.count * 75) { row in
            unsafe kernels.table.pointee.rms_norm(
                target.row(row), target.stride, x.row(source[row]), x.stride, weight, 1, weight.count, epsilon
            )
            quantise(
                out, rows: row..<row + 1, columns: 0..<weight.count, inputs: weight.count,
                quantGroup: quantGroup)
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
