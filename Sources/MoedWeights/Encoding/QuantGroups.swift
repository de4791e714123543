import MoedCore

/// Groups of a matrix's columns that share a scale: one behind the other, or given column by column (`g_idx`).
struct QuantGroups: Sendable {
    let count: Int
    /// Columns of a group; the last group may have fewer.
    let size: Int
    private let index: WordTensor?
    private let mayBeUnset: Bool

    /// - Parameters:
    ///   - sizes: group sizes that the checkpoint's description names, −1 for all columns. One of them must give
    ///     `count` groups; equal groups are assumed when there are none.
    ///   - index: the group of each column, if the checkpoint has it.
    ///   - mayBeUnset: an index of −1 everywhere stands for groups one behind the other.
    /// - Throws: `EngineError(.badCheckpoint)` when no size fits, or several.
    init(
        _ count: Int, columns: Int, sizes: [Int], index: (any TensorBytes)?, mayBeUnset: Bool = false,
        scales: any TensorBytes
    ) throws(EngineError) {
        self.count = count
        self.mayBeUnset = mayBeUnset
        self.index = if let index { try WordTensor(index, rows: 1, columns: columns) } else { nil }
        let fitting = Set(sizes.map { $0 > 0 ? min($0, columns) : columns }.filter { (columns - 1) / $0 + 1 == count })
        if let first = fitting.first, fitting.count == 1 {
            size = first
        } else if sizes.isEmpty, count > 0, columns % count == 0 {
            size = columns / count
        } else {
            let named = sizes.prefix(8).map { $0 > 0 ? "\($0)" : "all" }.joined(separator: ", ")
            throw scales.error(
                "has shape \(scales.entry.shape): \(columns) columns have no \(count) groups of one size"
                    + (sizes.isEmpty ? "" : " that the configuration names (\(named))"))
        }
    }

    /// The group of each column.
    ///
    /// - Throws: `EngineError(.badCheckpoint)` when the checkpoint names a group that does not exist.
    func groups(of columns: Int) throws(EngineError) -> [Int] {
        guard let index else { return (0..<columns).map { $0 / size } }
        let groups = try index.words(rows: 0..<1, columns: 0..<columns)
        if mayBeUnset, groups.allSatisfy({ $0 == UInt32.max }) { return (0..<columns).map { $0 / size } }
        if let column = groups.firstIndex(where: { $0 >= UInt32(clamping: count) }) {
            throw index.tensor.error(
                "has group \(Int32(bitPattern: groups[column])) at column \(column), but there are \(count) groups")
        }
        return groups.map { Int($0) }
    }
}
