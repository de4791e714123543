import MoedCore

/// Groups of a matrix's columns that share a scale: one behind the other, or given column by column (`g_idx`).
struct QuantGroups: Sendable {
    let count: Int
    /// Columns of a group; the last group may have fewer.
    let size: Int
    private let index: WordTensor?

    /// - Parameters:
    ///   - sizes: group sizes that the checkpoint's description names. The first that gives `count` groups holds.
    ///   - index: the group of each column, if the checkpoint has it.
    /// - Throws: `EngineError(.badCheckpoint)` when `count` groups do not divide the columns.
    init(
        _ count: Int, columns: Int, sizes: [Int], index: (any TensorBytes)?, scales: any TensorBytes
    ) throws(EngineError) {
        self.count = count
        self.index = if let index { try WordTensor(index, rows: 1, columns: columns) } else { nil }
        let fitting = sizes.first { $0 > 0 && (columns + $0 - 1) / $0 == count }
        if count == 1 {
            size = columns
        } else if let fitting {
            size = fitting
        } else if count > 0, columns % count == 0 {
            size = columns / count
        } else {
            throw scales.error(
                "has shape \(scales.entry.shape): \(count) groups do not divide \(columns) columns, "
                    + "and no group size of the configuration fits")
        }
    }

    /// The group of each column.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when the checkpoint names a group that does not exist.
    func groups(of columns: Int) throws(EngineError) -> [Int] {
        guard let index else { return (0..<columns).map { $0 / size } }
        let groups = try index.words(rows: 0..<1, columns: 0..<columns)
        if let column = groups.firstIndex(where: { $0 >= UInt32(clamping: count) }) {
            throw index.tensor.error(
                "has group \(Int32(bitPattern: groups[column])) at column \(column), but there are \(count) groups")
        }
        return groups.map { Int($0) }
    }
}
