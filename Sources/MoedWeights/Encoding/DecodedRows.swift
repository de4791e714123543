package import MoedCore

/// Rows whose weights are products of codes and scales, which f32 holds.
protocol DecodedRows: RowSource {
    /// The tensor of the codes.
    var codes: any TensorBytes { get }
}

extension DecodedRows {
    package var name: String { codes.entry.name }
    package var exactFormat: WeightFormat { .f32 }
    package var rowByteCount: Int { max(1, codes.entry.byteCount / max(1, shape.outputs)) }
    package func error(_ reason: String) -> EngineError { codes.error(reason) }

    package func exactRows(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        try elements(range, into: &target)
    }
}

extension RowSource {
    /// Rows as little-endian f32.
    package func elements(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        var values = [Float](repeating: 0, count: range.count * shape.inputs)
        try rows(range, into: &values)
        precondition(values.count * 4 <= target.count)
        for (index, value) in values.enumerated() {
            for byte in 0..<4 {
                target[index * 4 + byte] = UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(8 * byte))
            }
        }
    }
}
