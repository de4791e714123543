import MoedAutomata

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
