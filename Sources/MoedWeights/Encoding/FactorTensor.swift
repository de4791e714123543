import MoedCore

/// A tensor of scales, read as f32. Every quantised format stores them as f32, f16 or bf16, and some as bytes.
struct FactorTensor: Sendable {
    let tensor: any TensorBytes
    private let value: @Sendable (Span<UInt8>, Int) -> Float
    private let elementByteCount: Int

    /// - Parameter bytesAreExponents: u8 elements are exponents of two (E8M0).
    /// - Throws: `EngineError(.badCheckpoint)` for an element type that holds no scales.
    init(_ tensor: any TensorBytes, bytesAreExponents: Bool = false) throws(EngineError) {
        self.tensor = tensor
        elementByteCount = tensor.entry.type.byteCount
        switch tensor.entry.type {
        case .f32: value = F32Rows.value
        case .f16: value = F16Rows.value
        case .bf16: value = BF16Rows.value
        case .f8e4m3: value = { bytes, offset in SmallFloat.e4m3[Int(bytes[offset])] }
        case .f8e8m0: value = { bytes, offset in SmallFloat.e8m0[Int(bytes[offset])] }
        case .u8 where bytesAreExponents: value = { bytes, offset in SmallFloat.e8m0[Int(bytes[offset])] }
        default: throw tensor.error("is \(tensor.entry.type.rawValue), which holds no scales")
        }
    }

    /// The form of 16-bit elements; nil for others.
    var halfFormat: KeptFormat.Scales? {
        switch tensor.entry.type {
        case .f16: .f16
        case .bf16: .bf16
        default: nil
        }
    }

    /// Bit patterns of 16-bit elements.
    ///
    /// - Throws: as `values`.
    func halves(_ range: Range<Int>) throws(EngineError) -> [UInt16] {
        precondition(elementByteCount == 2)
        var bytes = [UInt8](repeating: 0, count: range.count * 2)
        try tensor.read(range.lowerBound * 2..<range.upperBound * 2, into: &bytes)
        return (0..<range.count).map { UInt16(bytes[2 * $0]) | UInt16(bytes[2 * $0 + 1]) << 8 }
    }

    var count: Int { tensor.entry.byteCount / elementByteCount }

    /// The elements of a range of places.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when the tensor cannot be read.
    func values(_ range: Range<Int>) throws(EngineError) -> [Float] {
        var bytes = [UInt8](repeating: 0, count: range.count * elementByteCount)
        try tensor.read(
            range.lowerBound * elementByteCount..<range.upperBound * elementByteCount, into: &bytes)
        let source = bytes.span
        var values = [Float](repeating: 0, count: range.count)
        for index in values.indices { values[index] = value(source, index * elementByteCount) }
        return values
    }

    /// Columns of some rows, one row behind the other.
    func values(rows: Range<Int>, columns: Range<Int>, width: Int) throws(EngineError) -> [Float] {
        if columns.count == width { return try values(rows.lowerBound * width..<rows.upperBound * width) }
        var all: [Float] = []
        all.reserveCapacity(rows.count * columns.count)
        for row in rows { all += try values(row * width + columns.lowerBound..<row * width + columns.upperBound) }
        return all
    }
}
