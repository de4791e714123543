package import MoedCore

/// Rows of FP4 (E2M1) with a scale for each group of columns: NVFP4 and MXFP4.
///
/// Codes U8 `[outputs, inputs / 2]`, low nibble first. NVFP4 has scales F8_E4M3 `[outputs, inputs / 16]` and one scale
/// of the matrix, F32; MXFP4 has exponents of two, U8 `[outputs, inputs / 32]`. Source: compressed-tensors'
/// `nvfp4-pack-quantized` and `mxfp4-pack-quantized`, modelopt's `NVFP4`.
package struct FP4Rows: DecodedRows {
    /// The use of the scale of the whole matrix.
    enum MatrixScale: Sendable {
        case divides, multiplies
    }

    package let shape: MatrixShape
    let codes: any TensorBytes
    private let scales: FactorTensor
    private let matrixScale: (factor: FactorTensor, use: MatrixScale)?
    private let group: Int

    /// - Throws: `EngineError(.badCheckpoint)` naming the tensor of another type or shape.
    init(
        _ codes: any TensorBytes, scales: any TensorBytes, matrixScale: (any TensorBytes, MatrixScale)?,
        _ shape: MatrixShape
    ) throws(EngineError) {
        let group = matrixScale == nil ? 32 : 16
        guard codes.entry.type == .u8, shape.inputs % group == 0,
            codes.entry.shape == [shape.outputs, shape.inputs / 2]
        else {
            throw codes.error(
                "is \(codes.entry.type.rawValue) \(codes.entry.shape), but FP4 weights of "
                    + "[\(shape.outputs), \(shape.inputs)] need U8 and groups of \(group) columns")
        }
        guard scales.entry.shape == [shape.outputs, shape.inputs / group] else {
            throw scales.error(
                "has shape \(scales.entry.shape), but must be [\(shape.outputs), \(shape.inputs / group)]")
        }
        self.codes = codes
        self.shape = shape
        self.group = group
        self.scales = try FactorTensor(scales, bytesAreExponents: matrixScale == nil)
        if let (tensor, use) = matrixScale {
            let factor = try FactorTensor(tensor)
            guard factor.count == 1 else {
                throw tensor.error("has shape \(tensor.entry.shape), but is one scale of the matrix")
            }
            self.matrixScale = (factor, use)
        } else {
            self.matrixScale = nil
        }
    }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        let (half, groups) = (shape.inputs / 2, shape.inputs / group)
        precondition(range.count * shape.inputs <= target.count)
        var bytes = [UInt8](repeating: 0, count: range.count * half)
        try codes.read(range.lowerBound * half..<range.upperBound * half, into: &bytes)
        var factors = try scales.values(range.lowerBound * groups..<range.upperBound * groups)
        if let (tensor, use) = matrixScale {
            let factor = try tensor.values(0..<1)[0]
            for index in factors.indices {
                if use == .divides { factors[index] /= factor } else { factors[index] *= factor }
            }
        }
        let (source, table) = (bytes.span, SmallFloat.e2m1)
        var weights = target.mutableSpan
        for row in 0..<range.count {
            for group in 0..<groups {
                let factor = factors[row &* groups &+ group]
                for byte in group * self.group / 2..<(group + 1) * self.group / 2 {
                    let code = Int(source[row &* half &+ byte])
                    let place = row &* shape.inputs &+ byte &* 2
                    weights[place] = table[code & 15] * factor
                    weights[place &+ 1] = table[code >> 4] * factor
                }
            }
        }
    }
}
