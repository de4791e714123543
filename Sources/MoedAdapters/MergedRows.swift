package import MoedCore
package import MoedWeights

/// Rows of a matrix with an adapter's part added: W + scale · B · A, summed in f32 in ascending rank.
///
/// Factors are read for each call: those of all experts together may be larger than memory.
package struct MergedRows: RowSource {
    private let base: any RowSource
    private let factors: LowRankFactors

    package init(_ base: any RowSource, _ factors: LowRankFactors) {
        precondition(base.shape == factors.shape, "the adapter was not checked against the model")
        self.base = base
        self.factors = factors
    }

    package var name: String { base.name }
    package var shape: MatrixShape { base.shape }
    package var rowByteCount: Int { base.rowByteCount }
    package var exactFormat: WeightFormat { .f32 }
    package func error(_ reason: String) -> EngineError { base.error(reason) }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        try base.rows(range, into: &target)
        let (inputs, rank) = (shape.inputs, factors.rank)
        let (down, up) = (try factors.down(), try factors.up())
        var sums = [Float](repeating: 0, count: inputs)
        for (place, row) in range.enumerated() {
            for column in 0..<inputs { sums[column] = 0 }
            for k in 0..<rank { Self.add(down.span, k * inputs, times: up[row * rank + k], to: &sums) }
            for column in 0..<inputs { target[place * inputs + column] += sums[column] }
        }
    }

    private static func add(_ row: Span<Float>, _ start: Int, times factor: Float, to sums: inout [Float]) {
        var sums = sums.mutableSpan
        for column in sums.indices { sums[column] += factor * row[start &+ column] }
    }

    package func exactRows(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        try elements(range, into: &target)
    }
}
