/// A way of quantising modules that a description names. Members that it leaves open are nil.
struct QuantScheme: Sendable, Equatable {
    /// The weights of a matrix that share a scale.
    enum Sharing: Sendable, Equatable {
        case matrix
        case row
        /// So many columns of a row.
        case group(Int)
        case block(rows: Int, columns: Int)
    }

    var bits: Int?
    var sharing: Sharing?
    /// False when codes have zero points.
    var isSymmetric: Bool?
    /// True when each column names its group (`g_idx`).
    var isIndexed = false

    /// Columns that share a scale, −1 for all of a row; nil where no row has scales of its own.
    var groupSize: Int? {
        switch sharing {
        case .row: -1
        case .group(let size): size
        case .matrix, .block, nil: nil
        }
    }

    /// - Parameter groupSize: −1 is a whole row; 0, which packers use for several things, is left open.
    init(bits: Int?, groupSize: Int?) {
        self.bits = bits
        sharing =
            switch groupSize {
            case nil, 0?: nil
            case let size?: size > 0 ? .group(size) : .row
            }
    }

    init(bits: Int?, sharing: Sharing?) {
        self.bits = bits
        self.sharing = sharing
    }

    /// True when codes of `bits` with `groups` scales in a row of `columns` may be of this scheme.
    func fits(bits: Int, groups: Int, columns: Int) -> Bool {
        guard (self.bits ?? bits) == bits else { return false }
        guard let size = groupSize else { return true }
        return groups == (size > 0 ? (columns - 1) / size + 1 : 1)
    }
}
