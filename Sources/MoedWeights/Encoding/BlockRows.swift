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
            let scale = F16Rows.value(source, from &+ type.scaleOffset)
            let minimum = type.minimumOffset.map { F16Rows.value(source, from &+ $0) } ?? 0
            Blocks.decode(type, (scale, minimum), source, from, &weights, to)
        }
    }
}
