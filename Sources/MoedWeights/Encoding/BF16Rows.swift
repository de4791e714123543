package import MoedCore

/// Rows stored as bf16: the upper half of an f32.
package struct BF16Rows: PlainRows {
    package let shape: MatrixShape
    let tensor: any TensorBytes
    static let elementByteCount = 2
    package let exactFormat = WeightFormat.bf16

    /// - Throws: `EngineError(.badCheckpoint)` when the tensor is of another length than the matrix.
    package init(_ tensor: any TensorBytes, _ shape: MatrixShape) throws(EngineError) {
        self.tensor = tensor
        self.shape = shape
        try checkSize()
    }

    static func value(_ bytes: Span<UInt8>, _ offset: Int) -> Float {
        Float(bitPattern: UInt32(bytes[offset]) << 16 | UInt32(bytes[offset &+ 1]) << 24)
    }

    package func exactRows(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        try bytes(range, into: &target)
    }
}
