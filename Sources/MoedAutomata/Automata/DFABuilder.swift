/// Ways to make deterministic automata.
package enum DFABuilder {
    /// Automaton of a pattern with its conditions.
    package static func build(_ pattern: RegexPattern, searches: Bool) throws(GrammarError) -> DFA {
        var result = try build(pattern.body, searches: searches)
        for condition in pattern.conditions {
            let rest = RegexSyntax.repeated(.set(.all), least: 0, most: nil)
            let dfa = try build(.sequence([.textBegin, condition.syntax, rest]), searches: false)
            result = try product([result, dfa]) { $0[0] >= 0 && ($0[1] >= 0) == condition.holds ? 0 : nil }
        }
        return result
    }

    /// A place in a text as it is known before the next byte.
    private struct Place: Hashable {
        var subset: [Int32]
        var begins = false
        /// True behind a word character; false without boundaries in the expression.
        var isAfterWord = false
    }

    /// Subset construction.
    ///
    /// - Parameter searches: true when the expression may match anywhere in the text.
    static func build(
        _ syntax: RegexSyntax, searches: Bool, statesMax: Int = DFA.statesMax
    ) throws(GrammarError) -> DFA {
        let nfa = try NFA(syntax, searches: searches)
        let (classes, count, samples) = byteClasses(of: nfa)
        var parts = DFAParts(classes: classes, classCount: count)
        var ids: [Place: Int32] = [:]
        var places: [Place] = []
        var marks = NFAMarks(nfa)
        func state(_ place: Place) -> Int32 {
            guard !place.subset.isEmpty else { return DFA.dead }
            if let id = ids[place] { return id }
            let id = Int32(places.count)
            ids[place] = id
            places.append(place)
            let atEnd = marks.closure(
                place.subset, begins: place.begins, ends: true,
                isBoundary: nfa.hasBoundaries ? place.isAfterWord : nil)
            parts.labels.append(atEnd.contains(nfa.accept) ? 0 : -1)
            return id
        }
        // The place before the first byte is reached by no step.
        _ = state(
            Place(subset: marks.closure([nfa.start], begins: true, ends: false, isBoundary: nil), begins: true))
        var done = 0
        var work = 0
        while done < places.count {
            let place = places[done]
            let before = work
            // The next byte decides about boundaries: the states before it, for both cases.
            let sources = nfa.hasBoundaries
                ? [false, true].map {
                    marks.closure(place.subset, begins: place.begins, ends: false, isBoundary: $0)
                } : [place.subset]
            for sample in samples {
                let isWord = nfa.hasBoundaries && isWord(sample)
                let subset = sources[nfa.hasBoundaries && isWord != place.isAfterWord ? 1 : 0]
                var targets: [Int32] = []
                for source in subset {
                    for edge in nfa.edges[Int(source)] where edge.bytes.contains(sample) {
                        targets.append(edge.target)
                    }
                }
                let closed =
                    targets.isEmpty ? [] : marks.closure(targets, begins: false, ends: false, isBoundary: nil)
                parts.next.append(state(Place(subset: closed, isAfterWord: isWord)))
                work += subset.count + closed.count
            }
            done += 1
            try CompileMeter.spend(work - before)
            guard places.count <= statesMax, work <= 40_000_000 else {
                throw GrammarError(
                    .tooLarge, "regular expression: its automaton has more than \(statesMax) states")
            }
        }
        return parts.finished()
    }

    /// True for the ASCII characters of words, as RE2 and ECMAScript have them.
    private static func isWord(_ byte: UInt8) -> Bool { wordBytes.contains { $0.contains(byte) } }

    private static let wordBytes: [ClosedRange<UInt8>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]

    private static func byteClasses(of nfa: NFA) -> (classes: [UInt8], count: Int, samples: [UInt8]) {
        var isCut = [Bool](repeating: false, count: 257)
        for edges in nfa.edges {
            for edge in edges {
                isCut[Int(edge.bytes.lowerBound)] = true
                isCut[Int(edge.bytes.upperBound) + 1] = true
            }
        }
        for bytes in nfa.hasBoundaries ? wordBytes : [] {
            isCut[Int(bytes.lowerBound)] = true
            isCut[Int(bytes.upperBound) + 1] = true
        }
        var classes = [UInt8](repeating: 0, count: 256)
        var samples: [UInt8] = [0]
        for byte in 1..<256 {
            if isCut[byte] { samples.append(UInt8(byte)) }
            classes[byte] = UInt8(samples.count - 1)
        }
        return (classes, samples.count, samples)
    }

    /// Bytes that all automata treat alike as classes, and one byte of each class.
    private static func byteClasses(of machines: [DFA]) -> (classes: [UInt8], samples: [UInt8]) {
        var ids: [[UInt8]: UInt8] = [:]
        var classes: [UInt8] = []
        var samples: [UInt8] = []
        for byte in 0...255 {
            let key = machines.map { $0.classes[byte] }
            if let id = ids[key] {
                classes.append(id)
            } else {
                ids[key] = UInt8(samples.count)
                classes.append(UInt8(samples.count))
                samples.append(UInt8(byte))
            }
        }
        return (classes, samples)
    }

    /// Runs automata side by side. `label` chooses the label of a combination of their labels (-1: not accepted).
    package static func product(
        _ machines: [DFA], statesMax: Int = DFA.statesMax, merging: Bool = true, label: ([Int32]) -> Int32?
    ) throws(GrammarError) -> DFA {
        let (classes, samples) = byteClasses(of: machines)
        var parts = DFAParts(classes: classes, classCount: samples.count)
        // A combination is numbered by the number of all but its last state, and that state.
        var numbers = [[UInt64: Int32]](repeating: [:], count: machines.count)
        var states: [Int32] = []
        var count: Int32 = 0
        func number(_ state: [Int32]) -> Int32 {
            var id: Int32 = 0
            for index in machines.indices {
                let key = UInt64(UInt32(bitPattern: id)) << 32 | UInt64(UInt32(bitPattern: state[index]))
                if let known = numbers[index][key] {
                    id = known
                    continue
                }
                id = index == machines.count - 1 ? count : Int32(numbers[index].count)
                numbers[index][key] = id
                guard index == machines.count - 1 else { continue }
                count += 1
                states += state
                let labels = machines.indices.map {
                    state[$0] == DFA.dead ? -1 : machines[$0].label(state[$0])
                }
                parts.labels.append(label(labels) ?? -1)
            }
            return id
        }
        _ = number(machines.map { $0.isEmpty ? DFA.dead : DFA.start })
        var done: Int32 = 0
        var target = machines.map { _ in DFA.dead }
        while done < count {
            let first = Int(done) * machines.count
            for sample in samples {
                var isDead = true
                for index in machines.indices {
                    let state = states[first + index]
                    target[index] = state == DFA.dead ? state : machines[index].step(state, sample)
                    isDead = isDead && target[index] == DFA.dead
                }
                // Where all are dead, only a complement of everything could accept: callers add `anyText`.
                parts.next.append(isDead ? DFA.dead : number(target))
            }
            done += 1
            try CompileMeter.spend(samples.count * machines.count * 4)
            guard count <= statesMax else {
                throw GrammarError(.tooLarge, "the automaton of a text has more than \(statesMax) states")
            }
        }
        return parts.finished(merging: merging)
    }

    /// Automaton of a finite list of texts with their labels; an earlier label wins.
    package static func words(_ words: [(bytes: [UInt8], label: Int32)]) -> DFA {
        var classes = [UInt8](repeating: 0, count: 256)
        var count = 1
        for (bytes, _) in words {
            for byte in bytes where classes[Int(byte)] == 0 && count < 256 {
                classes[Int(byte)] = UInt8(count)
                count += 1
            }
        }
        var parts = DFAParts(classes: classes, classCount: count)
        func add() -> Int32 {
            parts.labels.append(-1)
            parts.next += [Int32](repeating: DFA.dead, count: count)
            return Int32(parts.labels.count - 1)
        }
        _ = add()
        for (bytes, label) in words {
            var state = 0
            for byte in bytes {
                let index = state * count + Int(classes[Int(byte)])
                if parts.next[index] == DFA.dead {
                    let target = add()
                    parts.next[index] = target
                }
                state = Int(parts.next[index])
            }
            if parts.labels[state] < 0 { parts.labels[state] = label }
        }
        return parts.finished()
    }

    /// All texts: listed ones have their labels, the others `rest`.
    ///
    /// - Throws: `tooLarge` when the words have more states than an automaton may have.
    package static func words(
        _ words: [(bytes: [UInt8], label: Int32)], rest: Int32
    ) throws(GrammarError) -> DFA {
        try product([.anyText, Self.words(words)]) { $0[1] >= 0 ? $0[1] : $0[0] >= 0 ? rest : nil }
    }

    package static func words(_ texts: [String]) -> DFA { words(texts.map { (Array($0.utf8), 0) }) }

    /// Texts of valid UTF-8 that the automaton does not accept.
    package static func complement(_ dfa: DFA) throws(GrammarError) -> DFA {
        try product([.anyText, dfa]) { $0[0] >= 0 && $0[1] < 0 ? 0 : nil }
    }

    package static func intersection(_ left: DFA, _ right: DFA) throws(GrammarError) -> DFA {
        try product([left, right]) { $0[0] >= 0 && $0[1] >= 0 ? 0 : nil }
    }

    /// Texts whose number of code points is in the range.
    package static func lengths(_ least: Int, _ most: Int?) throws(GrammarError) -> DFA {
        guard max(least, most ?? 0) <= RegexParser.repeatMax else {
            throw GrammarError(.tooLarge, "a length above \(RegexParser.repeatMax)")
        }
        return try build(.repeated(.set(.all), least: least, most: most), searches: false)
    }
}
