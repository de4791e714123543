import MoedAutomata

/// The finished table: without empty edges, with the states that the root reaches.
extension RuleBuilder {
    func table(
        root: Int, _ costs: [Int], _ ranks: [Int32]
    ) throws(GrammarError) -> (table: RuleTable, start: Int32) {
        var numbers = [Int32](repeating: -1, count: states.count)
        var order: [Int32] = []
        func number(_ state: Int32) -> Int32 {
            if numbers[Int(state)] < 0 {
                numbers[Int(state)] = Int32(order.count)
                order.append(state)
            }
            return numbers[Int(state)]
        }
        var rankOf: [Int32: Int32] = [:]
        for (rule, start) in starts.enumerated() { rankOf[start] = ranks[rule] }
        var table = RuleTable()
        var edgeCount = 0
        let start = number(starts[root])
        while table.states.count < order.count {
            let state = order[table.states.count]
            var made = RuleTable.State(cost: costs[Int(state)], rank: rankOf[state] ?? 0)
            var seen: Set<Int64> = []
            var best = (cost: TextCosts.infinite, byte: nil as UInt8?)
            for inner in closure(state, costs) {
                let inner = states[Int(inner)]
                made.isEnd = made.isEnd || inner.isEnd
                for edge in inner.edges where costs[Int(edge.target)] < TextCosts.infinite {
                    made.edges.append((edge.bytes, number(edge.target)))
                    let byte = Self.readable(edge.bytes)
                    let cost = costs[Int(edge.target)] + 1
                    if cost < best.cost || cost == best.cost && byte < best.byte ?? .max { best = (cost, byte) }
                }
                for call in inner.calls {
                    let callee = starts[Int(call.rule)]
                    guard costs[Int(callee)] < TextCosts.infinite, costs[Int(call.back)] < TextCosts.infinite,
                        seen.insert(Int64(callee) << 32 | Int64(call.back)).inserted
                    else { continue }
                    made.calls.append((number(callee), number(call.back)))
                }
            }
            if best.cost == made.cost { made.closing = best.byte }
            edgeCount += made.edges.count + made.calls.count
            guard edgeCount <= Self.edgesMax else {
                throw GrammarError(.tooLarge, "grammar: its automaton has more than \(Self.edgesMax) edges")
            }
            table.states.append(made)
        }
        for index in table.states.indices {
            table.states[index].calls = table.states[index].calls.filter { table.canCall($0.start) }
        }
        return (table, start)
    }

    /// The byte of a range that reads best: a letter, else a digit, else the first one.
    private static func readable(_ range: ClosedRange<UInt8>) -> UInt8 {
        for byte in [UInt8(ascii: "a"), UInt8(ascii: "0"), UInt8(ascii: " ")] where range.contains(byte) { return byte }
        return range.lowerBound
    }
}
