import MoedCore

/// Rows that are stored as columns of a matrix.
struct TransposedRows: RowSource {
    let shape: MatrixShape
    private let stored: any RowSource
    /// Column of row 0.
    private let first: Int
    /// Stored weights that are read at once, about.
    private static let portionWeights = 1 << 20

    /// - Parameters:
    ///   - stored: matrix of `shape.inputs` rows.
    ///   - first: column of row 0; the columns of the other rows follow.
    init(_ stored: any RowSource, _ shape: MatrixShape, from first: Int) {
        precondition(stored.shape.outputs == shape.inputs && first + shape.outputs <= stored.shape.inputs)
        (self.stored, self.shape, self.first) = (stored, shape, first)
    }

    var name: String { stored.name }
    var rowByteCount: Int { stored.rowByteCount / max(1, stored.shape.inputs) * shape.inputs }
    var exactFormat: WeightFormat { stored.exactFormat }
    func error(_ reason: String) -> EngineError { stored.error(reason) }

    func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        let width = stored.shape.inputs
        let step = max(1, Self.portionWeights / width)
        var values = [Float](repeating: 0, count: min(step, shape.inputs) * width)
        for start in stride(from: 0, to: shape.inputs, by: step) {
            let portion = start..<min(start + step, shape.inputs)
            try stored.rows(portion, into: &values)
            for row in range {
                for column in portion {
                    target[(row - range.lowerBound) * shape.inputs + column] =
                        values[(column - start) * width + first + row]
                }
            }
        }
    }

    func exactRows(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        guard exactFormat == .bf16 else { return try elements(range, into: &target) }
        // The upper half of an f32 that was a bf16.
        var values = [Float](repeating: 0, count: range.count * shape.inputs)
        try rows(range, into: &values)
        for (index, value) in values.enumerated() {
            target[2 * index] = UInt8(truncatingIfNeeded: value.bitPattern >> 16)
            target[2 * index + 1] = UInt8(truncatingIfNeeded: value.bitPattern >> 24)
        }
    }
}
