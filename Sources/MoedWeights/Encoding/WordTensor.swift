import MoedCore

/// A tensor of 32-bit words that several codes share, or of 32-bit whole numbers.
struct WordTensor: Sendable {
    let tensor: any TensorBytes
    let rows: Int
    let columns: Int

    /// - Throws: `EngineError(.badCheckpoint)` for another element type or shape.
    init(_ tensor: any TensorBytes, rows: Int, columns: Int) throws(EngineError) {
        let entry = tensor.entry
        guard entry.type == .i32 || entry.type == .u32 else {
            throw tensor.error("is \(entry.type.rawValue), but must be I32")
        }
        guard entry.shape == [rows, columns] || rows == 1 && entry.shape == [columns] else {
            throw tensor.error("has shape \(entry.shape), but must be [\(rows), \(columns)]")
        }
        self.tensor = tensor
        self.rows = rows
        self.columns = columns
    }

    /// Columns of some rows, one row behind the other.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when the tensor cannot be read.
    func words(rows: Range<Int>, columns: Range<Int>) throws(EngineError) -> [UInt32] {
        precondition(rows.upperBound <= self.rows && columns.upperBound <= self.columns)
        // One long read costs less than many short ones, until most of it is thrown away.
        let width = columns.count * 4 >= self.columns ? self.columns : columns.count
        let skipped = width == self.columns ? columns.lowerBound : 0
        var words = [UInt32](repeating: 0, count: rows.count * columns.count)
        let rowsAtOnce = width == self.columns ? rows.count : 1
        var bytes = [UInt8](repeating: 0, count: rowsAtOnce * width * 4)
        for first in stride(from: 0, to: rows.count, by: max(1, rowsAtOnce)) {
            let start = (rows.lowerBound + first) * self.columns + columns.lowerBound - skipped
            try tensor.read(start * 4..<(start + rowsAtOnce * width) * 4, into: &bytes)
            let source = bytes.span
            for row in 0..<rowsAtOnce {
                for column in 0..<columns.count {
                    let offset = (row * width + skipped + column) * 4
                    words[(first + row) * columns.count + column] = Self.word(source, offset)
                }
            }
        }
        return words
    }

    private static func word(_ bytes: Span<UInt8>, _ offset: Int) -> UInt32 {
        UInt32(bytes[offset]) | UInt32(bytes[offset &+ 1]) << 8 | UInt32(bytes[offset &+ 2]) << 16
            | UInt32(bytes[offset &+ 3]) << 24
    }
}
