import MoedAutomata

/// Compiles rules into the table of a stack machine.
///
/// Each rule becomes a nondeterministic automaton over bytes with calls. `RuleTable` is made of it: empty edges are
/// taken out, states from which no text ends are left out, and the shortest ways are worked out.
struct RuleBuilder {
    static let statesMax = 60_000
    static let edgesMax = 1_000_000

    /// A state of a rule as it is built.
    struct State {
        var edges: [(bytes: ClosedRange<UInt8>, target: Int32)] = []
        var empty: [Int32] = []
        /// Number of the called rule, and the state to return to.
        var calls: [(rule: Int32, back: Int32)] = []
        var isEnd = false
    }

    private(set) var states: [State] = []
    /// First state of each rule.
    private(set) var starts: [Int32] = []

    static func build(_ rules: RuleSet) throws(GrammarError) -> (table: RuleTable, start: Int32) {
        var builder = RuleBuilder()
        for _ in rules.bodies { builder.starts.append(try builder.state()) }
        for (number, body) in rules.bodies.enumerated() {
            let end = try builder.state()
            builder.states[Int(end)].isEnd = true
            try builder.add(body, from: builder.starts[number], to: end)
        }
        let costs = builder.costs()
        let ranks = try builder.ranks(rules.names, costs)
        let shortest = costs[Int(builder.starts[rules.root])]
        guard shortest < TextCosts.infinite else {
            throw GrammarError(.unsatisfiable, "grammar: no text of “root” ends")
        }
        guard shortest <= Program.documentBytesMax else {
            throw GrammarError(.tooLarge, "grammar: the shortest text has \(shortest) bytes")
        }
        return try builder.table(root: rules.root, costs, ranks)
    }

    // MARK: States

    private mutating func state() throws(GrammarError) -> Int32 {
        guard states.count < Self.statesMax else {
            throw GrammarError(.tooLarge, "grammar: it has more than \(Self.statesMax) states; lower its repetitions")
        }
        states.append(State())
        return Int32(states.count - 1)
    }

    private mutating func add(_ syntax: RuleSyntax, from: Int32, to: Int32) throws(GrammarError) {
        switch syntax {
        case .set(let set): try add(set, from: from, to: to)
        case .rule(let number): states[Int(from)].calls.append((Int32(number), to))
        case .sequence(let parts):
            var current = from
            for part in parts.dropLast() {
                let next = try state()
                try add(part, from: current, to: next)
                current = next
            }
            if let last = parts.last {
                try add(last, from: current, to: to)
            } else {
                states[Int(current)].empty.append(to)
            }
        case .alternatives(let parts):
            for part in parts {
                // A loop in one alternative must not lead into another.
                let first = try state()
                states[Int(from)].empty.append(first)
                try add(part, from: first, to: to)
            }
        case .repeated(let part, let least, let most):
            try add(repeated: part, least: least, most: most, from: from, to: to)
        }
    }

    private mutating func add(
        repeated part: RuleSyntax, least: Int, most: Int?, from: Int32, to: Int32
    ) throws(GrammarError) {
        var current = from
        for _ in 0..<least {
            let next = try state()
            try add(part, from: current, to: next)
            current = next
        }
        guard let most else {
            let loop = try state()
            states[Int(current)].empty.append(loop)
            try add(part, from: loop, to: loop)
            states[Int(loop)].empty.append(to)
            return
        }
        for _ in least..<max(most, least) {
            let next = try state()
            states[Int(current)].empty.append(to)
            try add(part, from: current, to: next)
            current = next
        }
        states[Int(current)].empty.append(to)
    }

    private mutating func add(_ set: CodePointSet, from: Int32, to: Int32) throws(GrammarError) {
        for range in set.ranges {
            for sequence in UTF8Sequences.of(range) {
                var current = from
                for (index, bytes) in sequence.enumerated() {
                    let next = index == sequence.count - 1 ? to : try state()
                    states[Int(current)].edges.append((bytes, next))
                    current = next
                }
            }
        }
    }

    // MARK: Questions about the whole

    /// Bytes from each state to the end of its rule; infinite where there is none.
    private func costs() -> [Int] {
        var costs = [Int](repeating: TextCosts.infinite, count: states.count)
        var isFinal = [Bool](repeating: false, count: states.count)
        var sources = [[(state: Int32, bytes: Int, other: Int32)]](repeating: [], count: states.count)
        for (index, state) in states.enumerated() {
            let source = Int32(index)
            for edge in state.edges { sources[Int(edge.target)].append((source, 1, -1)) }
            for target in state.empty { sources[Int(target)].append((source, 0, -1)) }
            for call in state.calls {
                let start = starts[Int(call.rule)]
                sources[Int(start)].append((source, 0, call.back))
                sources[Int(call.back)].append((source, 0, start))
            }
        }
        var queue = CostQueue()
        for (index, state) in states.enumerated() where state.isEnd {
            costs[index] = 0
            queue.push(0, Int32(index))
        }
        while let (cost, state) = queue.pop() {
            guard !isFinal[Int(state)] else { continue }
            isFinal[Int(state)] = true
            for source in sources[Int(state)] {
                var sum = Saturating.sum(cost, source.bytes)
                if source.other >= 0 {
                    guard isFinal[Int(source.other)] else { continue }
                    sum = Saturating.sum(sum, costs[Int(source.other)])
                }
                guard sum < costs[Int(source.state)] else { continue }
                costs[Int(source.state)] = sum
                queue.push(sum, source.state)
            }
        }
        return costs
    }

    /// States that are reached from a state without a byte, itself first. Rules that may be empty are passed over.
    func closure(_ state: Int32, _ costs: [Int]) -> [Int32] {
        var found = [state]
        var seen: Set<Int32> = [state]
        var done = 0
        while done < found.count {
            let current = states[Int(found[done])]
            for target in current.empty where seen.insert(target).inserted { found.append(target) }
            for call in current.calls
            where costs[Int(starts[Int(call.rule)])] == 0 && seen.insert(call.back).inserted {
                found.append(call.back)
            }
            done += 1
        }
        return found
    }

    /// Order of the rules: one that another one may begin with comes behind it.
    ///
    /// - Throws: `GrammarError` naming the rules that begin with themselves.
    private func ranks(_ names: [String], _ costs: [Int]) throws(GrammarError) -> [Int32] {
        let callees = starts.map { start in
            closure(start, costs).flatMap { states[Int($0)].calls.map { Int($0.rule) } }
        }
        var ranks = [Int32](repeating: -1, count: starts.count)
        var isOpen = [Bool](repeating: false, count: starts.count)
        var rank = Int32(starts.count)
        for first in starts.indices where ranks[first] < 0 {
            var path: [(rule: Int, next: Int)] = [(first, 0)]
            isOpen[first] = true
            while let (rule, next) = path.last {
                guard next < callees[rule].count else {
                    rank -= 1
                    ranks[rule] = rank
                    isOpen[rule] = false
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let callee = callees[rule][next]
                if isOpen[callee] {
                    let from = path.firstIndex { $0.rule == callee } ?? 0
                    let circle = (path[from...].map { names[$0.rule] } + [names[callee]]).prefix(6)
                    throw GrammarError(
                        .unsupported,
                        "grammar: left recursion is not supported: \(circle.joined(separator: " → ")); "
                            + "repeat with * or put the recursion behind a text")
                }
                if ranks[callee] < 0 {
                    isOpen[callee] = true
                    path.append((callee, 0))
                }
            }
        }
        return ranks
    }
}
