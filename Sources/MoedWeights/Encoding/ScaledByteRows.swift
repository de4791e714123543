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
    ///   - sharings: as in `ScaleGrid`.
    /// - Throws: `EngineError(.badCheckpoint)` naming the tensor of another type or shape.
    init(
        _ codes: any TensorBytes, scales: any TensorBytes, zeros: (any TensorBytes)? = nil,
        _ shape: MatrixShape, sharings: [QuantScheme.Sharing] = []
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
        self.scales = try ScaleGrid(scales, shape, sharings)
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

    /// - Parameter sharings: ways of sharing scales that the checkpoint's description names. One of them must fit; the
    ///   shape alone decides when there are none.
    /// - Throws: `EngineError(.badCheckpoint)` when the scales fit no block, or several.
    init(_ scales: any TensorBytes, _ shape: MatrixShape, _ sharings: [QuantScheme.Sharing]) throws(EngineError) {
        factors = try FactorTensor(scales, bytesAreExponents: true)
        let sizes = scales.entry.shape
        let count = Block(rows: sizes.first ?? 1, columns: sizes.count > 1 ? sizes[1] : 1)
        columns = count.columns
        guard sizes.count <= 2, count.rows > 0, count.columns > 0 else {
            throw scales.error("has shape \(sizes), which is no grid of scales")
        }
        var named: [Block] = []
        for block in sharings.map({ Self.block($0, shape) }) where !named.contains(block) {
            if Self.count(of: block, in: shape) == count { named.append(block) }
        }
        if let first = named.first {
            guard named.count == 1 else {
                throw scales.error("has shape \(sizes), which fits blocks of several sizes in the configuration")
            }
            block = first
            return
        }
        guard sharings.isEmpty else {
            let blocks = sharings.prefix(4).map { sharing in
                let count = Self.count(of: Self.block(sharing, shape), in: shape)
                return "[\(count.rows), \(count.columns)]"
            }
            throw scales.error(
                "has shape \(sizes), but the configuration asks for \(blocks.joined(separator: " or ")) scales of "
                    + "[\(shape.outputs), \(shape.inputs)] weights")
        }
        guard let rows = Self.size(of: shape.outputs, in: count.rows),
            let columns = Self.size(of: shape.inputs, in: count.columns)
        else {
            throw scales.error(
                "has shape \(sizes), which fits no blocks of [\(shape.outputs), \(shape.inputs)] weights")
        }
        block = Block(rows: rows, columns: columns)
    }

    private static func block(_ sharing: QuantScheme.Sharing, _ shape: MatrixShape) -> Block {
        switch sharing {
        case .matrix: Block(rows: shape.outputs, columns: shape.inputs)
        case .row: Block(rows: 1, columns: shape.inputs)
        case .group(let size): Block(rows: 1, columns: min(size, shape.inputs))
        case .block(let rows, let columns):
            Block(rows: min(rows, shape.outputs), columns: min(columns, shape.inputs))
        }
    }

    private static func count(of block: Block, in shape: MatrixShape) -> Block {
        Block(rows: (shape.outputs - 1) / block.rows + 1, columns: (shape.inputs - 1) / block.columns + 1)
    }

    /// The side of equal blocks; nil when there are none, or when they may be the usual 128 with a smaller last one.
    private static func size(of length: Int, in count: Int) -> Int? {
        guard length % count == 0 else { return nil }
        let size = length / count
        return count > 1 && size != 128 && (length - 1) / 128 + 1 == count ? nil : size
    }

    /// Places of the scales of some rows.
    func rows(covering range: Range<Int>) -> Range<Int> {
        guard !range.isEmpty else { return 0..<0 }
        return range.lowerBound / block.rows * columns..<((range.upperBound - 1) / block.rows + 1) * columns
    }
}
