import MoedAutomata

/// Consequences of the automaton of an object's keys.
extension ObjectMachine {
    /// Bytes of the copies of its automaton that one object may need.
    private static let copiesMax = 16 << 20

    /// Fills in what follows from the automaton of the keys.
    mutating func measure() {
        reach = Self.reach(self)
        if used == 0 {
            isWide = true
            usedMax = min(StackMachine.additionalMembersMax, max(2, Self.copiesMax / dfa.byteCount))
        }
        for index in extras.indices {
            let label = Int32(keys.count + index)
            let costs = TextCosts(dfa, isJSON: true, fewestPoints: false) { $0 == label }
            if used == 0 { isWide = isWide && Self.isEndless(dfa, costs) }
            extras[index].length =
                dfa.isEmpty || costs.bytes[0] == Int32.max ? TextCosts.infinite : 2 + Int(costs.bytes[0])
        }
    }

    /// True when the automaton has a loop on the way to the end that the costs were made for.
    private static func isEndless(_ dfa: DFA, _ costs: TextCosts) -> Bool {
        var incoming = [Int](repeating: 0, count: dfa.count)
        func targets(_ state: Int) -> [Int] {
            guard costs.bytes[state] < Int32.max else { return [] }
            return (0..<dfa.classCount).map { Int(dfa.next[state * dfa.classCount + $0]) }
                .filter { $0 >= 0 && costs.bytes[$0] < Int32.max }
        }
        for state in 0..<dfa.count { for target in targets(state) { incoming[target] += 1 } }
        var work = (0..<dfa.count).filter { incoming[$0] == 0 }
        var done = 0
        while let state = work.popLast() {
            done += 1
            for target in targets(state) {
                incoming[target] -= 1
                if incoming[target] == 0 { work.append(target) }
            }
        }
        return done < dfa.count
    }

    /// Labels that can be reached from each state.
    private static func reach(_ machine: ObjectMachine) -> [UInt64] {
        let words = machine.wordsPerState
        let dfa = machine.dfa
        var reach = [UInt64](repeating: 0, count: dfa.count * words)
        var sources = [[Int32]](repeating: [], count: dfa.count)
        for state in 0..<dfa.count {
            if dfa.labels[state] >= 0 {
                reach[state * words + Int(dfa.labels[state] / 64)] |= 1 << UInt64(dfa.labels[state] % 64)
            }
            for index in 0..<dfa.classCount {
                let target = dfa.next[state * dfa.classCount + index]
                if target >= 0, sources[Int(target)].last != Int32(state) {
                    sources[Int(target)].append(Int32(state))
                }
            }
        }
        var work = Array(0..<Int32(dfa.count))
        while let state = work.popLast() {
            for source in sources[Int(state)] {
                var hasChanged = false
                for word in 0..<words {
                    let more = reach[Int(state) * words + word] & ~reach[Int(source) * words + word]
                    guard more != 0 else { continue }
                    reach[Int(source) * words + word] |= more
                    hasChanged = true
                }
                if hasChanged { work.append(source) }
            }
        }
        return reach
    }
}
