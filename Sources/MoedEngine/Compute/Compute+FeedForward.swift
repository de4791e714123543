import CMoedKernels
import MoedWeights

/// One feed-forward network: down · (silu(gate · x) ⊙ up · x).
struct FeedForwardWeights: Sendable {
    /// `[intermediate, hidden]`
    let gate: PackedMatrix
    /// `[intermediate, hidden]`
    let up: PackedMatrix
    /// `[hidden, intermediate]`
    let down: PackedMatrix

    init(gate: PackedMatrix, up: PackedMatrix, down: PackedMatrix) {
        (self.gate, self.up, self.down) = (gate, up, down)
    }

    /// - Parameter matrices: gate, up and down.
    init(_ matrices: [PackedMatrix]) {
        precondition(matrices.count == 3)
        self.init(gate: matrices[0], up: matrices[1], down: matrices[2])
    }

    var matrices: [PackedMatrix] { [gate, up, down] }
}

extension Compute {
    /// Rows that one network works on, side by side in the intermediate buffers.
    struct ExpertRows {
        /// Index into the layer's networks.
        var expert: Int
        /// Rows of the intermediate buffers.
        var rows: Range<Int>
    }

    /// Scratch of the feed-forward layers.
    struct Intermediate {
        /// Gate, then the product of both.
        let gate: ActivationRows
        let up: RowBuffer<Float>

        var byteCount: Int { gate.byteCount + up.byteCount }
    }

    /// Work items of networks of one shape: pieces of a network's panels, small enough to keep all threads busy to the
    /// end.
    private struct Items {
        let networks: Int
        let panels: Int
        let size: Int

        private var pieces: Int { (panels + size - 1) / size }
        var count: Int { networks * pieces }

        subscript(index: Int) -> (network: Int, panels: Range<Int>) {
            let (network, piece) = index.quotientAndRemainder(dividingBy: pieces)
            return (network, piece * size..<min((piece + 1) * size, panels))
        }
    }

    private func items(networks: Int, panels: Int) -> Items {
        Items(networks: networks, panels: panels, size: share(of: panels, matrices: networks))
    }

    /// Rows of `x` that the intermediate rows read, and rows of `out` that they write; nil is the same row.
    struct ExpertRoute {
        var source: RowBuffer<Int32>?
        var target: RowBuffer<Int32>?

        static var straight: ExpertRoute { ExpertRoute() }
    }

    /// Runs each network on its rows of the intermediate buffers.
    ///
    /// - Precondition: the rows of `x` are quantised for the networks' gate and up matrices.
    func feedForward(
        _ x: ActivationRows, _ networks: [FeedForwardWeights], _ parts: [ExpertRows], _ route: ExpertRoute,
        scratch: Intermediate, into out: RowBuffer<Float>
    ) {
        guard let first = networks.first else { return }
        let rows = parts.reduce(0) { $0 + $1.rows.count }
        let cost = rows * first.gate.inputs * first.gate.outputs

        let upItems = items(networks: parts.count, panels: first.gate.panels)
        pool.parallelFor(upItems.count, cost: 2 * cost) { index in
            let item = upItems[index]
            let network = networks[parts[item.network].expert]
            let rows = parts[item.network].rows
            let source = RowPlaces(from: rows.lowerBound, index: route.source)
            let here = RowPlaces(from: rows.lowerBound)
            multiply(
                x, source, network.gate, item.panels, into: scratch.gate.floats, here, rows: rows.count)
            multiply(x, source, network.up, item.panels, into: scratch.up, here, rows: rows.count)
            let width = PackedMatrix.panelOutputs
            let columns =
                item.panels.lowerBound * width..<min(item.panels.upperBound * width, network.gate.outputs)
            unsafe kernels.table.pointee.silu_mul(
                scratch.gate.floats.row(rows.lowerBound), scratch.up.row(rows.lowerBound),
                scratch.gate.floats.stride, rows.count, columns.lowerBound, columns.upperBound)
            quantise(
                scratch.gate, rows: rows, columns: columns, inputs: network.down.inputs,
                quantGroup: network.down.format.quantGroup)
        }

        let downItems = items(networks: parts.count, panels: first.down.panels)
        pool.parallelFor(downItems.count, cost: cost) { index in
            let item = downItems[index]
            let rows = parts[item.network].rows
            let network = networks[parts[item.network].expert]
            multiply(
                scratch.gate, RowPlaces(from: rows.lowerBound), network.down, item.panels, into: out,
                RowPlaces(from: rows.lowerBound, index: route.target), rows: rows.count)
        }
    }

    /// Softmax over the router's logits, the best experts per row to `ids` and `weights` `[rows, k]`.
    func route(
        _ logits: RowBuffer<Float>, experts: Int, ids: RowBuffer<Int32>, weights: RowBuffer<Float>,
        renormalise: Bool,
        rows: Int
    ) {
        precondition(experts <= logits.columns && ids.columns == weights.columns && ids.columns <= experts)
        pool.parallelFor(rows, cost: rows * experts * (ids.columns + 8) * 40) { row in
            unsafe kernels.table.pointee.route(
                ids.row(row), weights.row(row), logits.row(row), experts, ids.columns, renormalise ? 1 : 0)
        }
    }

    /// out[r] = Σ over rank j of weights[r, j] · y[r · k + j], in rank order.
    func combine(
        _ y: RowBuffer<Float>, _ weights: RowBuffer<Float>, into out: RowBuffer<Float>, rows: Int
    ) {
        let ranks = weights.columns
        precondition(rows * ranks <= y.rows && rows <= out.rows && y.columns == out.columns)
        pool.parallelFor(rows, cost: rows * ranks * out.columns * 12) { row in
            unsafe kernels.table.pointee.combine(
                out.row(row), y.row(row * ranks), y.stride, weights.row(row), ranks, out.columns)
        }
    }
}
