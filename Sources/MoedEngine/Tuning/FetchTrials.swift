import MoedCore
import MoedWeights

/// Times products with a model's own matrices, one row and several rows at a time, on all threads.
struct FetchTrials {
    /// Several times the caches, so that weights come from memory.
    private static let byteCount = 96 << 20
    private static let byteCountMin = 32 << 20
    /// Rows of a tile that waits for the memory, and of one that computes beside it.
    private static let rows = [1, 6]

    private let compute: Compute
    private let x: ActivationRows
    private let products: [Compute.Product]

    /// Nil when the model has too few quantised weights in memory: caches hold them, or they come from a disk.
    init?(_ model: Qwen3Model, _ compute: Compute) throws(EngineError) {
        let matrices = Self.matrices(of: model)
        guard let first = matrices.first, matrices.reduce(0, { $0 + $1.byteCount }) >= Self.byteCountMin
        else { return nil }
        self.compute = compute
        let rows = Self.rows.max() ?? 1
        x = try ActivationRows(rows: rows, columns: first.inputs, quantised: true, purpose: "trials")
        for row in 0..<rows {
            for column in 0..<first.inputs { x.floats[row, column] = Float((row + 1) * column % 17) - 8 }
        }
        products = try matrices.map { weights throws(EngineError) in
            .init(weights: weights, out: try RowBuffer(rows: rows, columns: weights.outputs, purpose: "trials"))
        }
        compute.quantise(x, rows: rows, inputs: first.inputs, quantGroup: first.format.quantGroup)
    }

    /// Takes turns until the contest has ended or the time is over.
    func contest(time: Duration) -> FetchContest {
        var contest = FetchContest()
        let start = ContinuousClock.now
        _ = times(.standard)
        while ContinuousClock.now - start < time, let tuning = contest.next {
            let (standard, other) = (times(.standard), times(tuning))
            let ratio = zip(standard, other).reduce(1.0) { $0 * ($1.0 / $1.1) }
            contest.add(tuning, ratio: ratio.squareRoot())
        }
        return contest
    }

    /// Seconds for each number of rows.
    private func times(_ tuning: FetchTuning) -> [Double] {
        var compute = compute
        compute.fetch = tuning
        return Self.rows.map { rows in
            let start = ContinuousClock.now
            compute.multiply(x, products, rows: rows)
            return max((ContinuousClock.now - start) / .seconds(1), 1e-9)
        }
    }

    /// Matrices of one shape and format: of the experts that are in memory, else the output.
    private static func matrices(of model: Qwen3Model) -> [PackedMatrix] {
        var found: [PackedMatrix] = []
        var bytes = 0
        for layer in model.layers where model.streamed == nil {
            let networks =
                switch layer.feedForward {
                case .dense(let network): [network]
                case .sparse(_, let experts): experts
                }
            for matrix in networks.flatMap({ [$0.gate, $0.up] })
            where bytes < byteCount && matrix.format.quantGroup != nil
                && (found.first.map { $0.format == matrix.format && $0.inputs == matrix.inputs } ?? true)
            {
                found.append(matrix)
                bytes += matrix.byteCount
            }
        }
        if bytes < byteCountMin, model.output.format.quantGroup != nil { return [model.output] }
        return found
    }
}
