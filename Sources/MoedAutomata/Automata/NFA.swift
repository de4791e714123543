/// A nondeterministic automaton over bytes, made from a regular expression.
struct NFA {
    struct Edge {
        var bytes: ClosedRange<UInt8>
        var target: Int32
    }

    static let statesMax = 200_000

    private(set) var edges: [[Edge]] = []
    private(set) var empty: [[Int32]] = []
    /// Empty edges that may be taken only where the text begins.
    private(set) var atBegin: [[Int32]] = []
    /// Empty edges that may be taken only where the text ends.
    private(set) var atEnd: [[Int32]] = []
    /// Empty edges that may be taken only at a word boundary, and only elsewhere.
    private(set) var atBoundary: [[Int32]] = []
    private(set) var offBoundary: [[Int32]] = []
    private(set) var hasBoundaries = false
    private(set) var start: Int32 = 0
    private(set) var accept: Int32 = 0

    /// - Parameter searches: true when the expression may match anywhere in the text, as JSON Schema's `pattern`.
    init(_ syntax: RegexSyntax, searches: Bool) throws(GrammarError) {
        start = try state()
        accept = try state()
        guard searches else {
            try build(syntax, from: start, to: accept)
            return
        }
        let (first, last) = (try state(), try state())
        let any = RegexSyntax.repeated(.set(.all), least: 0, most: nil)
        try build(any, from: start, to: first)
        try build(syntax, from: first, to: last)
        try build(any, from: last, to: accept)
    }

    private mutating func state() throws(GrammarError) -> Int32 {
        guard edges.count < Self.statesMax else {
            throw GrammarError(.tooLarge, "regular expression: more than \(Self.statesMax) states")
        }
        edges.append([])
        empty.append([])
        atBegin.append([])
        atEnd.append([])
        atBoundary.append([])
        offBoundary.append([])
        return Int32(edges.count - 1)
    }

    private mutating func build(_ syntax: RegexSyntax, from: Int32, to: Int32) throws(GrammarError) {
        switch syntax {
        case .empty: empty[Int(from)].append(to)
        case .textBegin: atBegin[Int(from)].append(to)
        case .textEnd: atEnd[Int(from)].append(to)
        case .wordBoundary(let isOne):
            hasBoundaries = true
            if isOne { atBoundary[Int(from)].append(to) } else { offBoundary[Int(from)].append(to) }
        case .set(let set): try add(set, from: from, to: to)
        case .sequence(let parts):
            var current = from
            for part in parts.dropLast() {
                let next = try state()
                try build(part, from: current, to: next)
                current = next
            }
            if let last = parts.last {
                try build(last, from: current, to: to)
            } else {
                empty[Int(current)].append(to)
            }
        case .alternatives(let parts):
            for part in parts { try build(part, from: from, to: to, isolated: true) }
        case .repeated(let part, let least, let most):
            try build(repeated: part, least: least, most: most, from: from, to: to)
        }
    }

    /// Builds a part between states of its own, so that loops in it do not leak into its neighbours.
    private mutating func build(
        _ part: RegexSyntax, from: Int32, to: Int32, isolated: Bool
    ) throws(GrammarError) {
        let (first, last) = (try state(), try state())
        empty[Int(from)].append(first)
        empty[Int(last)].append(to)
        try build(part, from: first, to: last)
    }

    private mutating func build(
        repeated part: RegexSyntax, least: Int, most: Int?, from: Int32, to: Int32
    ) throws(GrammarError) {
        var current = from
        for _ in 0..<least {
            let next = try state()
            try build(part, from: current, to: next)
            current = next
        }
        if let most {
            for _ in least..<max(most, least) {
                let next = try state()
                empty[Int(current)].append(to)
                try build(part, from: current, to: next)
                current = next
            }
            empty[Int(current)].append(to)
        } else {
            let loop = try state()
            empty[Int(current)].append(loop)
            try build(part, from: loop, to: loop)
            empty[Int(loop)].append(to)
        }
    }

    private mutating func add(_ set: CodePointSet, from: Int32, to: Int32) throws(GrammarError) {
        for range in set.ranges {
            for sequence in UTF8Sequences.of(range) {
                var current = from
                for (index, bytes) in sequence.enumerated() {
                    let next = index == sequence.count - 1 ? to : try state()
                    edges[Int(current)].append(Edge(bytes: bytes, target: next))
                    current = next
                }
            }
        }
    }
}

/// Works out which states are reachable without a byte.
struct NFAMarks {
    private let nfa: NFA
    /// Round in which each state was seen last.
    private var marks: [Int32]
    private var round: Int32 = 0

    init(_ nfa: NFA) {
        self.nfa = nfa
        marks = [Int32](repeating: 0, count: nfa.edges.count)
    }

    /// States reachable from `states`, sorted.
    ///
    /// - Parameter isBoundary: true at a word boundary; nil where the next byte decides.
    mutating func closure(_ states: [Int32], begins: Bool, ends: Bool, isBoundary: Bool?) -> [Int32] {
        round &+= 1
        var found: [Int32] = []
        func add(_ state: Int32) {
            guard marks[Int(state)] != round else { return }
            marks[Int(state)] = round
            found.append(state)
        }
        states.forEach(add)
        var done = 0
        while done < found.count {
            let state = Int(found[done])
            nfa.empty[state].forEach(add)
            if begins { nfa.atBegin[state].forEach(add) }
            if ends { nfa.atEnd[state].forEach(add) }
            if let isBoundary { (isBoundary ? nfa.atBoundary : nfa.offBoundary)[state].forEach(add) }
            done += 1
        }
        return found.sorted()
    }
}
