package import MoedCore
import MoedLattice

/// Rows stored as blocks, as in GGUF files.
package struct BlockRows: DecodedRows, KeptRows {
    package let shape: MatrixShape
    let codes: any TensorBytes
    private let type: BlockType

    /// - Throws: `EngineError(.badCheckpoint)` when the tensor is of another length than the matrix.
    init(_ tensor: any TensorBytes, _ type: BlockType, _ shape: MatrixShape) throws(EngineError) {
        codes = tensor
        self.shape = shape
        self.type = type
        guard shape.inputs % type.weights == 0, tensor.entry.byteCount == shape.outputs * rowByteCount else {
            throw tensor.error(
                "has \(tensor.entry.byteCount) bytes of \(type.rawValue), which are not "
                    + "[\(shape.outputs), \(shape.inputs)] weights")
        }
    }

    package var rowByteCount: Int { shape.inputs / type.weights * type.byteCount }

    package func keptFormat() throws(EngineError) -> KeptFormat? { KeptBlocks.format(type) }

    package func keptCodes(_ range: Range<Int>) throws(EngineError) -> KeptCodes {
        var bytes = [UInt8](repeating: 0, count: range.count * rowByteCount)
        try codes.read(range.lowerBound * rowByteCount..<range.upperBound * rowByteCount, into: &bytes)
        return KeptBlocks.codes(bytes.span, type, blocks: range.count * (shape.inputs / type.weights))
    }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        let blocks = range.count * (shape.inputs / type.weights)
        precondition(range.count * shape.inputs <= target.count)
        var bytes = [UInt8](repeating: 0, count: range.count * rowByteCount)
        try codes.read(range.lowerBound * rowByteCount..<range.upperBound * rowByteCount, into: &bytes)
        let source = bytes.span
        var weights = target.mutableSpan
        for block in 0..<blocks {
            let (from, to) = (block &* type.byteCount, block &* type.weights)
            switch type {
            case .q4x0, .q4x1, .q5x0, .q5x1, .q8x0: Blocks32.decode(type, source, from, &weights, to)
            case .q2K: Blocks256.decodeQ2(source, from, &weights, to)
            case .q3K: Blocks256.decodeQ3(source, from, &weights, to)
            case .q4K, .q5K: Blocks256.decodeQ4(source, from, hasHighBits: type == .q5K, &weights, to)
            case .q6K: Blocks256.decodeQ6(source, from, &weights, to)
            case .iq4NL, .iq4XS, .mxfp4: TableBlocks.decode(type, source, from, &weights, to)
            case .iq2XXS, .iq2XS, .iq2S, .iq3XXS, .iq3S:
                guard let kind = type.lattice else { continue }
                LatticeBlocks.decode(kind, F16Rows.value(source, from), source, from &+ 2, &weights, to)
            }
        }
    }
}
