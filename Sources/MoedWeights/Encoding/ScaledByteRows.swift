package import MoedCore

/// Rows stored as bytes with a scale for each block of rows and columns: FP8 (E4M3) and int8.
///
/// `weight` `[outputs, inputs]` of F8_E4M3 or I8; `weight_scale_inv` or `weight_scale` with a scale a matrix, row,
/// group of columns, or block. The scale is multiplied, whatever its name. Source: transformers' `fp8`,
/// compressed-tensors' `float-quantized` and `int-quantized`.
package struct ScaledByteRows: DecodedRows {
    package let shape: MatrixShape
    let codes: any TensorBytes
    private let scales: ScaleGrid
    private let zeros: (any TensorBytes)?
    private let values: [Float]

    /// - Parameters:
    ///   - zeros: codes of the value zero, of the scales' shape; nil when code zero is.
    ///   - block: rows and columns of a block that the description names.
    /// - Throws: `EngineError(.badCheckpoint)` naming the tensor of another type or shape.
    init(
        _ codes: any TensorBytes, scales: any TensorBytes, zeros: (any TensorBytes)? = nil,
        _ shape: MatrixShape, block: ScaleGrid.Block? = nil
    ) throws(EngineError) {
        let entry = codes.entry
        guard entry.shape == [shape.outputs, shape.inputs] else {
            throw codes.error(
                "has shape \(entry.shape), but the configuration asks for [\(shape.outputs), \(shape.inputs)]")
        }
        switch entry.type {
        case .f8e4m3: values = SmallFloat.e4m3
        case .i8: values = SmallFloat.int8
        default: throw codes.error("is \(entry.type.rawValue): only F8_E4M3 and I8 are read with scales")
        }
        self.shape = shape
        self.codes = codes
        self.scales = try ScaleGrid(scales, shape, block: block)
        self.zeros = zeros
        guard let zeros else { return }
        guard zeros.entry.type == .i8, zeros.entry.shape == scales.entry.shape else {
            throw zeros.error(
                "is \(zeros.entry.type.rawValue) \(zeros.entry.shape), but must be I8 \(scales.entry.shape)")
        }
    }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        let (inputs, count) = (shape.inputs, range.count * shape.inputs)
        precondition(count <= target.count)
        var bytes = [UInt8](repeating: 0, count: count)
        try codes.read(range.lowerBound * inputs..<range.upperBound * inputs, into: &bytes)
        let places = scales.rows(covering: range)
        let factors = try scales.factors.values(places)
        var offsets = [Float](repeating: 0, count: factors.count)
        if let zeros {
            var codes = [UInt8](repeating: 0, count: factors.count)
            try zeros.read(places, into: &codes)
            offsets = codes.map { Float(Int8(bitPattern: $0)) }
        }
        let (source, table) = (bytes.span, values.span)
        var weights = target.mutableSpan
        for row in range {
            let first = (row / scales.block.rows) * scales.columns - places.lowerBound
            for block in 0..<scales.columns {
                let (factor, offset) = (factors[first + block], offsets[first + block])
                let columns = block * scales.block.columns..<min((block + 1) * scales.block.columns, inputs)
                for column in columns {
                    let place = (row - range.lowerBound) &* inputs &+ column
                    weights[place] = (table[Int(source[place])] - offset) * factor
                }
            }
        }
    }
}

/// Scales of a matrix, one for each block of rows and columns.
struct ScaleGrid: Sendable {
    struct Block: Sendable, Equatable {
        var rows: Int
        var columns: Int
    }

    let factors: FactorTensor
    let block: Block
    /// Blocks side by side.
    let columns: Int

    /// - Parameter block: the size that the description names. It holds where it fits the number of scales.
    /// - Throws: `EngineError(.badCheckpoint)` when the scales fit no block.
    init(_ scales: any TensorBytes, _ shape: MatrixShape, block: Block?) throws(EngineError) {
        factors = try FactorTensor(scales, bytesAreExponents: true)
        let sizes = scales.entry.shape
        let (down, across) =
            switch sizes.count {
            case 0: (1, 1)
            case 1: (sizes[0], 1)
            default: (sizes[0], sizes[1])
            }
        let rows = Self.size(of: shape.outputs, in: down, block?.rows)
        let columns = Self.size(of: shape.inputs, in: across, block?.columns)
        guard sizes.count <= 2, let rows, let columns else {
            throw scales.error(
                "has shape \(sizes), which fits no blocks of [\(shape.outputs), \(shape.inputs)] weights")
        }
        self.block = Block(rows: rows, columns: columns)
        self.columns = across
    }

    private static func size(of length: Int, in count: Int, _ named: Int?) -> Int? {
        if count == 1 { return length }
        if let named, named > 0, (length + named - 1) / named == count { return named }
        return count > 0 && length % count == 0 ? length / count : nil
    }

    /// Places of the scales of some rows.
    func rows(covering range: Range<Int>) -> Range<Int> {
        guard !range.isEmpty else { return 0..<0 }
        return range.lowerBound / block.rows * columns..<((range.upperBound - 1) / block.rows + 1) * columns
    }
}
