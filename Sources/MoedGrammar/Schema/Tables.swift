import MoedCore

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
        for (first, second) in zip(sorted, sorted.dropFirst()) where first ^ 1 == second { return Self.nothing }
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

/// Interned automata of texts, with their combinations.
struct DFATable {
    static let anyText: Int32 = 0

    private(set) var machines: [DFA] = [.anyText]
    private var ids: [DFA: Int32] = [.anyText: 0]
    private var products: [[Int32]: Int32] = [:]
    private var complements: [Int32: Int32] = [:]

    subscript(id: Int32) -> DFA { machines[Int(id)] }

    mutating func add(_ dfa: DFA) -> Int32 {
        if let id = ids[dfa] { return id }
        let id = Int32(machines.count)
        ids[dfa] = id
        machines.append(dfa)
        return id
    }

    mutating func intersection(_ left: Int32, _ right: Int32) throws(GrammarError) -> Int32 {
        if left == right || right == Self.anyText { return left }
        if left == Self.anyText { return right }
        let key = [min(left, right), max(left, right)]
        if let known = products[key] { return known }
        let id = add(try DFABuilder.intersection(self[left], self[right]))
        products[key] = id
        return id
    }

    mutating func complement(_ id: Int32) throws(GrammarError) -> Int32 {
        if let known = complements[id] { return known }
        let result = add(try DFABuilder.complement(self[id]))
        complements[id] = result
        return result
    }
}
