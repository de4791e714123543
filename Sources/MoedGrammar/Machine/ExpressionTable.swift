/// Number of an interned conjunction of schemas.
typealias ExpressionID = Int32

/// Interned conjunctions of schema nodes. A negated node counts as a node of its own.
struct ExpressionTable {
    /// The conjunction of nothing.
    static let anything: ExpressionID = 0
    static let nothing: ExpressionID = 1

    /// Nodes of each conjunction: 2 · node, plus 1 when it is negated. Sorted.
    private(set) var atoms: [[Int32]] = [[], []]
    private var ids: [[Int32]: ExpressionID] = [[]: 0]

    var count: Int { atoms.count }

    mutating func make(_ atoms: [Int32]) -> ExpressionID {
        let sorted = Array(Set(atoms)).sorted()
        for (first, second) in zip(sorted, sorted.dropFirst()) where first ^ 1 == second {
            return Self.nothing
        }
        if let id = ids[sorted] { return id }
        let id = ExpressionID(self.atoms.count)
        ids[sorted] = id
        self.atoms.append(sorted)
        return id
    }

    mutating func conjunction(_ left: ExpressionID, _ right: ExpressionID) -> ExpressionID {
        if left == right || right == Self.anything { return left }
        if left == Self.anything { return right }
        if left == Self.nothing || right == Self.nothing { return Self.nothing }
        return make(atoms[Int(left)] + atoms[Int(right)])
    }
}
