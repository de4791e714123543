package import MoedCore

/// Rows stored as f16 (IEEE binary16): each is an f32 exactly.
package struct F16Rows: PlainRows {
    package let shape: MatrixShape
    let tensor: any TensorBytes
    static let elementByteCount = 2
    package let exactFormat = WeightFormat.f32

    /// - Throws: `EngineError(.badCheckpoint)` when the tensor is of another length than the matrix.
    package init(_ tensor: any TensorBytes, _ shape: MatrixShape) throws(EngineError) {
        self.tensor = tensor
        self.shape = shape
        try checkSize()
    }

    /// By whole-number operations, since the baseline processor has no conversion instruction.
    static func value(_ bytes: Span<UInt8>, _ offset: Int) -> Float {
        let half = UInt32(bytes[offset]) | UInt32(bytes[offset &+ 1]) << 8
        let magnitude = half & 0x7FFF
        let bits: UInt32 =
            switch magnitude {
            // Subnormal: a whole number of units of 2^-24, exact in f32.
            case 0..<0x0400: (Float(magnitude) * 0x1p-24).bitPattern
            // Infinite or not a number.
            case 0x7C00...: 0x7F80_0000 | (magnitude & 0x03FF) << 13
            default: (magnitude << 13) &+ (112 << 23)
            }
        return Float(bitPattern: bits | (half & 0x8000) << 16)
    }

    package func exactRows(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        try elements(range, into: &target)
    }
}
