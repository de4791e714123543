package import MoedCore

/// Rows of AWQ's layout `gemm`: codes of 4 bits, packed along the outputs in an order of their own.
///
/// `qweight` I32 `[inputs, outputs / 8]`; `qzeros` I32 `[groups, outputs / 8]` in the same order, as they are; `scales`
/// `[groups, outputs]`. Weight = (code − zero) · scale. Source: AutoAWQ.
package struct AWQRows: DecodedRows, KeptRows {
    /// The nibble of a word, from the lowest, that holds each of its eight outputs.
    private static let nibbles: [UInt32] = [0, 4, 1, 5, 2, 6, 3, 7]

    package let shape: MatrixShape
    let codes: any TensorBytes
    private let words: WordTensor
    private let scales: FactorTensor
    private let zeros: WordTensor
    private let groups: QuantGroups

    /// - Throws: `EngineError(.badCheckpoint)` naming the tensor that does not fit.
    init(
        _ codes: any TensorBytes, zeros: any TensorBytes, scales: any TensorBytes, _ shape: MatrixShape,
        groupSizes: [Int]
    ) throws(EngineError) {
        self.codes = codes
        self.shape = shape
        words = try WordTensor(codes, rows: shape.inputs, columns: (shape.outputs + 7) / 8)
        let sizes = scales.entry.shape
        guard sizes.count == 2, sizes[0] > 0, sizes[1] == shape.outputs, shape.outputs % 8 == 0 else {
            throw scales.error(
                "has shape \(sizes), but must be [groups, \(shape.outputs)], with a multiple of 8 outputs")
        }
        self.scales = try FactorTensor(scales)
        groups = try QuantGroups(
            sizes[0], columns: shape.inputs, sizes: groupSizes, index: nil, scales: scales)
        self.zeros = try WordTensor(zeros, rows: sizes[0], columns: shape.outputs / 8)
    }

    package func keptFormat() throws(EngineError) -> KeptFormat? {
        try groups.keptFormat(bits: 4, scales, columns: shape.inputs) { () throws(EngineError) in
            try zeros.words(rows: 0..<groups.count, columns: 0..<zeros.columns).allSatisfy { $0 == 0x8888_8888 }
        }
    }

    package func keptCodes(_ range: Range<Int>) throws(EngineError) -> KeptCodes {
        guard !range.isEmpty else { return KeptCodes(codes: [], scales: []) }
        let columns = range.lowerBound / 8..<(range.upperBound - 1) / 8 + 1
        let packed = try words.words(rows: 0..<shape.inputs, columns: columns)
        let packedZeros = try zeros.words(rows: 0..<groups.count, columns: columns)
        let factors = try (0..<groups.count).map { (group) throws(EngineError) in
            try scales.halves(group * shape.outputs + range.lowerBound..<group * shape.outputs + range.upperBound)
        }
        var kept = KeptCodes(codes: [], scales: [])
        kept.codes.reserveCapacity(range.count * shape.inputs)
        for row in range {
            let (word, shift) = (row / 8 - columns.lowerBound, Self.nibbles[row % 8] * 4)
            for column in 0..<shape.inputs {
                kept.codes.append(UInt8(truncatingIfNeeded: packed[column &* columns.count &+ word] >> shift & 15))
            }
            for group in 0..<groups.count {
                kept.scales.append(factors[group][row - range.lowerBound])
                kept.small.append(UInt8(truncatingIfNeeded: packedZeros[group * columns.count + word] >> shift & 15))
            }
        }
        return kept
    }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        precondition(range.count * shape.inputs <= target.count)
        guard !range.isEmpty else { return }
        let columns = range.lowerBound / 8..<(range.upperBound - 1) / 8 + 1
        let packed = try words.words(rows: 0..<shape.inputs, columns: columns)
        let packedZeros = try zeros.words(rows: 0..<groups.count, columns: columns)
        let factors = try scales.values(rows: 0..<groups.count, columns: range, width: shape.outputs)
        let groupOf = try groups.groups(of: shape.inputs)
        var weights = target.mutableSpan
        for row in range {
            let (word, shift) = (row / 8 - columns.lowerBound, Self.nibbles[row % 8] * 4)
            let offsets = (0..<groups.count).map { group in
                Int32(packedZeros[group * columns.count + word] >> shift & 15)
            }
            let first = (row - range.lowerBound) * shape.inputs
            for column in 0..<shape.inputs {
                let code = Int32(packed[column &* columns.count &+ word] >> shift & 15)
                let group = groupOf[column]
                let factor = factors[group &* range.count &+ row &- range.lowerBound]
                weights[first &+ column] = Float(code &- offsets[group]) * factor
            }
        }
    }
}
