/// The rules of a grammar: stacks of the places to return to.
extension StackMachine {
    /// Rules that are called in one step, with the stacks below them.
    private struct Calls {
        private var belows: [Int32: [StackEntry]] = [:]
        private var queue = CostQueue()

        mutating func add(_ start: Int32, _ rank: Int32, _ below: [StackEntry]) {
            if belows[start] == nil { queue.push(Int(rank), start) }
            belows[start, default: []] += below
        }

        /// The next rule. No rule that comes later calls it, so its stacks are complete.
        mutating func next() -> (start: Int32, below: [StackEntry])? {
            queue.pop().map { ($0.state, belows[$0.state] ?? []) }
        }
    }

    func startOfRules() -> Int32 {
        closeRules([StackEntry(frame: table.number(program.root), below: ConfigurationTable.bottom)])
    }

    /// The step by a byte, and the bytes around it that lead to the same configuration.
    func takeInRules(_ configuration: Int32, _ byte: UInt8) -> (target: Int32, bytes: ClosedRange<UInt8>) {
        var seeds: [StackEntry] = []
        var (low, high) = (UInt8.min, UInt8.max)
        for entry in table.entries[Int(configuration)] {
            let frame = table.frames[Int(entry.frame)]
            if frame.kind == .unknown { seeds.append(entry) }
            guard frame.kind == .rule else { continue }
            for edge in program.rules.states[Int(frame.position)].edges {
                if edge.bytes.upperBound < byte {
                    low = max(low, edge.bytes.upperBound + 1)
                } else if edge.bytes.lowerBound > byte {
                    high = min(high, edge.bytes.lowerBound - 1)
                } else {
                    (low, high) = (max(low, edge.bytes.lowerBound), min(high, edge.bytes.upperBound))
                    seeds.append(StackEntry(frame: ruleFrame(edge.target), below: entry.below))
                }
            }
        }
        return (seeds.isEmpty ? ConfigurationTable.dead : closeRules(seeds), low...high)
    }

    private func ruleFrame(_ state: Int32) -> Int32 {
        var frame = Frame(.rule)
        frame.position = state
        return table.number(frame)
    }

    /// Follows returns, then calls. A rule is called once, with all stacks that call it.
    private func closeRules(_ seeds: [StackEntry]) -> Int32 {
        var result: [StackEntry] = []
        var calls = Calls()
        var seen: Set<StackEntry> = []
        var work = seeds
        while let entry = work.popLast() {
            guard seen.insert(entry).inserted else { continue }
            let frame = table.frames[Int(entry.frame)]
            guard frame.kind == .rule else {
                result.append(entry)
                continue
            }
            if program.rules.states[Int(frame.position)].isEnd { work += table.entries[Int(entry.below)] }
            enter(frame.position, entry, &result, &calls)
        }
        // A rule that is called here and may be empty has been passed over by its callers: it does not return.
        while let (start, below) = calls.next() {
            enter(start, StackEntry(frame: ruleFrame(start), below: table.make(below)), &result, &calls)
        }
        return table.make(result)
    }

    private func enter(_ number: Int32, _ entry: StackEntry, _ result: inout [StackEntry], _ calls: inout Calls) {
        let state = program.rules.states[Int(number)]
        if !state.edges.isEmpty { result.append(entry) }
        for call in state.calls {
            // A call at a rule's end leaves nothing behind: its stack does not grow.
            let isLast = program.rules.states[Int(call.back)].isBareEnd
            calls.add(
                call.start, program.rules.states[Int(call.start)].rank,
                isLast
                    ? table.entries[Int(entry.below)]
                    : [StackEntry(frame: ruleFrame(call.back), below: entry.below)])
        }
    }
}
