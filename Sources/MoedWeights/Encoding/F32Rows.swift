package import MoedCore

/// Rows stored as f32.
package struct F32Rows: PlainRows {
    package let shape: MatrixShape
    let tensor: any TensorBytes
    static let elementByteCount = 4
    package let exactFormat = WeightFormat.f32

    /// - Throws: `EngineError(.badCheckpoint)` when the tensor is of another length than the matrix.
    package init(_ tensor: any TensorBytes, _ shape: MatrixShape) throws(EngineError) {
        self.tensor = tensor
        self.shape = shape
        try checkSize()
    }

    static func value(_ bytes: Span<UInt8>, _ offset: Int) -> Float {
        Float(
            bitPattern: UInt32(bytes[offset]) | UInt32(bytes[offset &+ 1]) << 8
                | UInt32(bytes[offset &+ 2]) << 16 | UInt32(bytes[offset &+ 3]) << 24)
    }

    package func exactRows(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        try bytes(range, into: &target)
    }
}
