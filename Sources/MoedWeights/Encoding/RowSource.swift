package import MoedCore

/// Rows of a weight matrix as f32, whatever tensors of the checkpoint they are stored in.
///
/// Used from several threads at once.
package protocol RowSource: Sendable {
    /// The matrix's tensor, for reports and messages.
    var name: String { get }
    var shape: MatrixShape { get }
    /// Bytes of the checkpoint that a row is read from.
    var rowByteCount: Int { get }
    /// The unquantised format that holds every weight exactly: `.bf16` or `.f32`.
    var exactFormat: WeightFormat { get }

    /// Reads rows as f32, one behind the other, to the front of `target`, which has room for them.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming file and tensor.
    func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError)

    /// Reads rows as little-endian elements of `exactFormat`, one behind the other, to the front of `target`, which has
    /// room for them. An encoding that is stored like that hands out its bytes unchanged.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` naming file and tensor.
    func exactRows(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError)

    /// An error about the matrix, naming its file and tensor.
    func error(_ reason: String) -> EngineError
}

extension RowSource {
    /// Bytes of a row in `exactFormat`.
    package var exactRowByteCount: Int { shape.inputs * exactFormat.bits / 8 }
}

/// The bytes of one tensor, wherever they lie.
package protocol TensorBytes: Sendable {
    var entry: TensorEntry { get }

    /// Reads a range of the tensor's bytes to the front of `target`, which has room for them.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when the tensor or its file is too short.
    func read(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError)

    /// An error about the tensor, naming its file.
    func error(_ reason: String) -> EngineError
}

/// A matrix that is stored as one tensor of rows, element after element.
protocol PlainRows: RowSource {
    var tensor: any TensorBytes { get }
    /// Little-endian element that begins at `bytes[offset]`.
    static func value(_ bytes: Span<UInt8>, _ offset: Int) -> Float
    static var elementByteCount: Int { get }
}

extension PlainRows {
    package var name: String { tensor.entry.name }
    package var rowByteCount: Int { shape.inputs * Self.elementByteCount }
    package func error(_ reason: String) -> EngineError { tensor.error(reason) }

    /// - Throws: `EngineError(.badCheckpoint)` when the tensor has not the bytes of so many elements.
    func checkSize() throws(EngineError) {
        guard tensor.entry.byteCount == shape.count * Self.elementByteCount else {
            throw error(
                "has \(tensor.entry.byteCount) bytes, but \(shape.outputs) · \(shape.inputs) elements need "
                    + "\(shape.count * Self.elementByteCount)")
        }
    }

    func bytes(_ range: Range<Int>, into target: inout [UInt8]) throws(EngineError) {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape.outputs)
        let bytes = range.lowerBound * rowByteCount..<range.upperBound * rowByteCount
        try tensor.read(bytes, into: &target)
    }

    package func rows(_ range: Range<Int>, into target: inout [Float]) throws(EngineError) {
        let count = range.count * shape.inputs
        precondition(count <= target.count)
        var buffer = [UInt8](repeating: 0, count: range.count * rowByteCount)
        try bytes(range, into: &buffer)
        let source = buffer.span
        var values = target.mutableSpan
        for index in 0..<count { values[index] = Self.value(source, index &* Self.elementByteCount) }
    }
}
