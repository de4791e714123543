package import MoedCore

/// Rows of compressed-tensors' format `pack-quantized`: whole numbers of 4 or 8 bits, packed along a row.
///
/// `weight_packed` I32 `[outputs, ⌈inputs · bits / 32⌉]`, lowest bits first; `weight_scale` `[outputs, groups]`;
/// `weight_zero_point` I32 `[⌈outputs · bits / 32⌉, groups]`, packed along the outputs; `weight_g_idx` I32 `[inputs]`.
/// Codes and zero points have the same offset, `2^(bits − 1)`, which is the zero point where there is none.
package struct PackedIntRows: DecodedRows, KeptRows {
    package let shape: MatrixShape
    let codes: any TensorBytes
    let bits: Int
    private let words: WordTensor
    private let scales: FactorTensor
    private let zeros: WordTensor?
    let groups: QuantGroups
    private let declaredShape: (any TensorBytes)?

    struct Tensors {
        var packed: any TensorBytes
        var scales: any TensorBytes
        var zeros: (any TensorBytes)?
        var groupIndex: (any TensorBytes)?
        var shape: (any TensorBytes)?
    }

    /// - Parameters:
    ///   - bits: of a code, as the description has it. They decide where several fit the packed width.
    ///   - groupSizes: as in `QuantGroups`.
    /// - Throws: `EngineError(.badCheckpoint)` naming the tensor that does not fit, `(.unsupportedModel)` for other
    ///   bits.
    init(_ tensors: Tensors, _ shape: MatrixShape, bits: [Int], groupSizes: [Int]) throws(EngineError) {
        codes = tensors.packed
        self.shape = shape
        let width = codes.entry.shape.last ?? 0
        let fitting = (1...8).filter { (shape.inputs * $0 + 31) / 32 == width }
        let known = fitting.filter { bits.contains($0) }
        guard let size = known.first ?? fitting.first(where: { $0 == 4 || $0 == 8 }) ?? fitting.first else {
            throw codes.error("has shape \(codes.entry.shape), which fits no codes of \(shape.inputs) columns")
        }
        guard size == 4 || size == 8 else {
            throw EngineError(.unsupportedModel, codes.error("has codes of \(size) bits; 4 and 8 are read").message)
        }
        self.bits = size
        words = try WordTensor(codes, rows: shape.outputs, columns: width)
        let sizes = tensors.scales.entry.shape
        guard sizes.count == 2, sizes[0] == shape.outputs, sizes[1] > 0 else {
            throw tensors.scales.error("has shape \(sizes), but must be [\(shape.outputs), groups]")
        }
        scales = try FactorTensor(tensors.scales)
        groups = try QuantGroups(
            sizes[1], columns: shape.inputs, sizes: groupSizes, index: tensors.groupIndex, mayBeUnset: true,
            scales: tensors.scales)
        zeros =
            if let tensor = tensors.zeros {
                try WordTensor(tensor, rows: (shape.outputs * size + 31) / 32, columns: sizes[1])
            } else { nil }
        declaredShape = tensors.shape
    }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        precondition(range.count * shape.inputs <= target.count)
        try checkDeclaredShape()
        let packed = try words.words(rows: range, columns: 0..<words.columns)
        let factors = try scales.values(range.lowerBound * groups.count..<range.upperBound * groups.count)
        let offsets = try zeroPoints(range)
        let groupOf = try groups.groups(of: shape.inputs)
        let (perWord, mask) = (32 / bits, UInt32(1) << UInt32(bits) - 1)
        var weights = target.mutableSpan
        for row in 0..<range.count {
            let firstGroup = row * groups.count
            for index in 0..<words.columns {
                var word = packed[row &* words.columns &+ index]
                for column in index * perWord..<min((index + 1) * perWord, shape.inputs) {
                    let group = firstGroup &+ groupOf[column]
                    let code = Int32(truncatingIfNeeded: word & mask)
                    weights[row &* shape.inputs &+ column] = Float(code &- offsets[group]) * factors[group]
                    word >>= UInt32(bits)
                }
            }
        }
    }

    package func keptFormat() throws(EngineError) -> KeptFormat? {
        try checkDeclaredShape()
        return try groups.keptFormat(bits: bits, scales, columns: shape.inputs) { () throws(EngineError) in
            guard zeros != nil else { return true }
            let middle = Int32(1) << Int32(bits - 1)
            return try zeroPoints(0..<shape.outputs).allSatisfy { $0 == middle }
        }
    }

    package func keptCodes(_ range: Range<Int>) throws(EngineError) -> KeptCodes {
        let packed = try words.words(rows: range, columns: 0..<words.columns)
        let (perWord, mask, inputs) = (32 / bits, UInt32(1) << UInt32(bits) - 1, shape.inputs)
        var codes = [UInt8](repeating: 0, count: range.count * inputs)
        for row in 0..<range.count {
            for column in 0..<inputs {
                let word = packed[row &* words.columns &+ column / perWord] >> UInt32(column % perWord * bits)
                codes[row &* inputs &+ column] = UInt8(truncatingIfNeeded: word & mask)
            }
        }
        let scales = try scales.halves(range.lowerBound * groups.count..<range.upperBound * groups.count)
        let zeros = try zeroPoints(range).map { UInt8(truncatingIfNeeded: $0) }
        return KeptCodes(codes: codes, scales: scales, small: zeros)
    }

    private func zeroPoints(_ range: Range<Int>) throws(EngineError) -> [Int32] {
        guard let zeros, !range.isEmpty else {
            return [Int32](repeating: 1 << Int32(bits - 1), count: range.count * groups.count)
        }
        let perWord = 32 / bits
        let rows = range.lowerBound / perWord..<(range.upperBound - 1) / perWord + 1
        let packed = try zeros.words(rows: rows, columns: 0..<groups.count)
        let mask = UInt32(1) << UInt32(bits) - 1
        return range.flatMap { row in
            (0..<groups.count).map { group in
                let word = packed[(row / perWord - rows.lowerBound) * groups.count + group]
                return Int32(truncatingIfNeeded: word >> UInt32(row % perWord * bits) & mask)
            }
        }
    }

    /// `weight_shape` is I64 or I32 `[2]`: outputs, inputs.
    private func checkDeclaredShape() throws(EngineError) {
        guard let tensor = declaredShape else { return }
        let size = tensor.entry.type.byteCount
        guard tensor.entry.shape == [2], tensor.entry.type == .i64 || tensor.entry.type == .i32 else {
            throw tensor.error("is \(tensor.entry.type.rawValue) \(tensor.entry.shape), but must be I64 [2]")
        }
        var bytes = [UInt8](repeating: 0, count: 2 * size)
        try tensor.read(0..<bytes.count, into: &bytes)
        let sizes = [0, size].map { start in
            bytes[start..<start + size].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        guard sizes == [UInt64(shape.outputs), UInt64(shape.inputs)] else {
            throw tensor.error("says \(sizes), but the configuration asks for [\(shape.outputs), \(shape.inputs)]")
        }
    }
}
