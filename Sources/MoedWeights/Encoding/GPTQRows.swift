package import MoedCore

/// Rows of GPTQ: codes of 2, 4 or 8 bits, packed along the inputs, all tensors transposed.
///
/// `qweight` I32 `[⌈inputs · bits / 32⌉, outputs]`, lowest bits first; `qzeros` I32 `[groups, ⌈outputs · bits / 32⌉]`;
/// `scales` `[groups, outputs]`; `g_idx` I32 `[inputs]`. Weight = (code − zero) · scale. Source: AutoGPTQ, GPTQModel,
/// auto-round.
package struct GPTQRows: DecodedRows, KeptRows {
    /// The form of stored zero points.
    package enum Zeros: Sendable {
        /// As they are (`gptq_v2`).
        case plain
        /// Minus one in each code (`gptq`): the whole 32-bit word was decremented, with borrows between its codes.
        case decremented
    }

    package let shape: MatrixShape
    let codes: any TensorBytes
    let bits: Int
    private let words: WordTensor
    private let scales: FactorTensor
    private let zeros: WordTensor
    private let storedZeros: Zeros
    let groups: QuantGroups

    struct Tensors {
        var codes: any TensorBytes
        var zeros: any TensorBytes
        var scales: any TensorBytes
        var groupIndex: (any TensorBytes)?
    }

    /// - Throws: `EngineError(.badCheckpoint)` naming the tensor that does not fit, `(.unsupportedModel)` for other
    ///   bits.
    init(_ tensors: Tensors, _ shape: MatrixShape, zeros stored: Zeros, groupSizes: [Int]) throws(EngineError) {
        codes = tensors.codes
        self.shape = shape
        let height = codes.entry.shape.first ?? 0
        // The last word of a column may have room left.
        let fitting = (1...8).filter { (shape.inputs * $0 + 31) / 32 == height }
        guard let size = [4, 8, 2].first(where: fitting.contains) ?? fitting.first else {
            throw codes.error("has shape \(codes.entry.shape), which fits no codes of \(shape.inputs) inputs")
        }
        guard [2, 4, 8].contains(size) else {
            throw EngineError(.unsupportedModel, codes.error("has codes of \(size) bits; 2, 4 and 8 are read").message)
        }
        bits = size
        words = try WordTensor(codes, rows: height, columns: shape.outputs)
        let sizes = tensors.scales.entry.shape
        guard sizes.count == 2, sizes[0] > 0, sizes[1] == shape.outputs else {
            throw tensors.scales.error("has shape \(sizes), but must be [groups, \(shape.outputs)]")
        }
        scales = try FactorTensor(tensors.scales)
        groups = try QuantGroups(
            sizes[0], columns: shape.inputs, sizes: groupSizes, index: tensors.groupIndex, scales: tensors.scales)
        zeros = try WordTensor(tensors.zeros, rows: sizes[0], columns: (shape.outputs * size + 31) / 32)
        storedZeros = stored
    }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        precondition(range.count * shape.inputs <= target.count)
        let packed = try words.words(rows: 0..<words.rows, columns: range)
        let factors = try scales.values(rows: 0..<groups.count, columns: range, width: shape.outputs)
        let offsets = try zeroPoints(range)
        let groupOf = try groups.groups(of: shape.inputs)
        let (perWord, mask, count) = (32 / bits, UInt32(1) << UInt32(bits) - 1, range.count)
        var weights = target.mutableSpan
        for row in 0..<count {
            for wordRow in 0..<words.rows {
                var word = packed[wordRow &* count &+ row]
                for column in wordRow * perWord..<min((wordRow + 1) * perWord, shape.inputs) {
                    let place = groupOf[column] &* count &+ row
                    let code = Int32(truncatingIfNeeded: word & mask)
                    weights[row &* shape.inputs &+ column] = Float(code &- offsets[place]) * factors[place]
                    word >>= UInt32(bits)
                }
            }
        }
    }

    package func keptFormat() throws(EngineError) -> KeptFormat? {
        try groups.keptFormat(bits: bits, scales, columns: shape.inputs) { () throws(EngineError) in
            let middle = Int32(1) << Int32(bits - 1)
            return try zeroPoints(0..<shape.outputs).allSatisfy { $0 == middle }
        }
    }

    package func keptCodes(_ range: Range<Int>) throws(EngineError) -> KeptCodes {
        let packed = try words.words(rows: 0..<words.rows, columns: range)
        let (perWord, mask, inputs, count) = (32 / bits, UInt32(1) << UInt32(bits) - 1, shape.inputs, range.count)
        var codes = [UInt8](repeating: 0, count: count * inputs)
        for row in 0..<count {
            for column in 0..<inputs {
                let word = packed[column / perWord &* count &+ row] >> UInt32(column % perWord * bits)
                codes[row &* inputs &+ column] = UInt8(truncatingIfNeeded: word & mask)
            }
        }
        var factors = [UInt16](repeating: 0, count: count * groups.count)
        for group in 0..<groups.count {
            let start = group * shape.outputs
            let row = try scales.halves(start + range.lowerBound..<start + range.upperBound)
            for index in 0..<count { factors[index * groups.count + group] = row[index] }
        }
        let offsets = try zeroPoints(range)
        let zeros = (0..<count).flatMap { row in
            (0..<groups.count).map { UInt8(truncatingIfNeeded: offsets[$0 * count + row]) }
        }
        return KeptCodes(codes: codes, scales: factors, small: zeros)
    }

    /// Zero points of some outputs, group by group.
    private func zeroPoints(_ range: Range<Int>) throws(EngineError) -> [Int32] {
        guard !range.isEmpty else { return [] }
        let (perWord, mask) = (32 / bits, UInt32(1) << UInt32(bits) - 1)
        let columns = range.lowerBound / perWord..<(range.upperBound - 1) / perWord + 1
        // One in each code of a word.
        let ones = UInt32.max / mask
        let packed = try zeros.words(rows: 0..<groups.count, columns: columns)
            .map { storedZeros == .decremented ? $0 &+ ones : $0 }
        var zeros = [Int32](repeating: 0, count: groups.count * range.count)
        for group in 0..<groups.count {
            for row in range {
                let word = packed[group * columns.count + row / perWord - columns.lowerBound]
                zeros[group * range.count + row - range.lowerBound] =
                    Int32(truncatingIfNeeded: word >> UInt32(row % perWord * bits) & mask)
            }
        }
        return zeros
    }
}
