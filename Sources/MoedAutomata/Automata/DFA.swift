/// A deterministic automaton over bytes whose accepting states carry labels.
///
/// Every state can reach an accepting one: a step to nowhere is `dead`.
package struct DFA: Hashable, Sendable {
    package static let dead: Int32 = -1
    static let statesMax = 60_000

    /// Class of each byte. Bytes of a class have the same steps.
    package let classes: [UInt8]
    package let classCount: Int
    /// Target by state and class.
    package let next: [Int32]
    /// Label of each accepting state; -1 for the others.
    package let labels: [Int32]

    /// Start of every automaton that accepts something.
    package static let start: Int32 = 0

    package var count: Int { labels.count }
    package var isEmpty: Bool { labels.isEmpty }

    package static let nothing = DFA(classes: [UInt8](repeating: 0, count: 256), classCount: 1, next: [], labels: [])

    @inline(__always)
    package func step(_ state: Int32, _ byte: UInt8) -> Int32 {
        next[Int(state) &* classCount &+ Int(classes[Int(byte)])]
    }

    package func label(_ state: Int32) -> Int32 { labels[Int(state)] }

    /// State after a text; `dead` when no accepted text begins so.
    func run(_ bytes: some Sequence<UInt8>) -> Int32 {
        guard !isEmpty else { return Self.dead }
        var state = Self.start
        for byte in bytes {
            state = step(state, byte)
            if state == Self.dead { return state }
        }
        return state
    }

    /// Label of a text; nil when it is not accepted.
    func label(of text: String) -> Int32? {
        let state = run(text.utf8)
        guard state != Self.dead, labels[Int(state)] >= 0 else { return nil }
        return labels[Int(state)]
    }

    package func accepts(_ text: String) -> Bool { label(of: text) != nil }

    /// All texts of valid UTF-8.
    package static let anyText = texts(of: .all)

    /// All texts of one line. Dialects of regular expressions differ in what `.` and `$` make of others.
    package static let oneLine = texts(of: .notLineEnd)

    private static func texts(of set: CodePointSet) -> DFA {
        // The automaton has a few states: the limit is never met.
        let any = RegexSyntax.repeated(.set(set), least: 0, most: nil)
        return (try? DFABuilder.build(any, searches: false, statesMax: 100)) ?? .nothing
    }
}

/// Collects the states of an automaton, then drops those that reach no accepting state and merges equal ones.
struct DFAParts {
    var classes: [UInt8]
    var classCount: Int
    var next: [Int32] = []
    var labels: [Int32] = []

    /// - Parameter merging: true merges equal states where the automaton is not large.
    func finished(merging: Bool = true) -> DFA {
        let live = liveStates()
        guard !labels.isEmpty, live[0] else { return .nothing }
        var number = [Int32](repeating: DFA.dead, count: labels.count)
        var order: [Int] = []
        for state in labels.indices where live[state] {
            number[state] = Int32(order.count)
            order.append(state)
        }
        var next: [Int32] = []
        next.reserveCapacity(order.count * classCount)
        for state in order {
            for index in 0..<classCount {
                let target = self.next[state * classCount + index]
                next.append(target < 0 ? DFA.dead : number[Int(target)])
            }
        }
        let whole = DFAParts(
            classes: classes, classCount: classCount, next: next, labels: order.map { labels[$0] })
        guard merging else {
            return DFA(classes: classes, classCount: classCount, next: next, labels: whole.labels)
        }
        let small = whole.merged()
        return DFA(
            classes: small.classes, classCount: small.classCount, next: small.next, labels: small.labels
        )
        .withoutEqualClasses()
    }

    private func liveStates() -> [Bool] {
        var sources = [[Int32]](repeating: [], count: labels.count)
        for state in labels.indices {
            for index in 0..<classCount {
                let target = next[state * classCount + index]
                if target >= 0, sources[Int(target)].last != Int32(state) {
                    sources[Int(target)].append(Int32(state))
                }
            }
        }
        var live = labels.map { $0 >= 0 }
        var work = labels.indices.filter { live[$0] }
        while let state = work.popLast() {
            for source in sources[state] where !live[Int(source)] {
                live[Int(source)] = true
                work.append(Int(source))
            }
        }
        return live
    }

    /// 128 bits of a state's group and the groups of its targets.
    private struct Signature: Hashable {
        var low: UInt64 = 0xCBF2_9CE4_8422_2325
        var high: UInt64 = 0x9E37_79B9_7F4A_7C15

        mutating func add(_ value: Int32) {
            let bits = UInt64(UInt32(bitPattern: value))
            low = (low ^ bits) &* 0x100_0000_01B3
            low ^= low >> 29
            high = (high &+ bits) &* 0xD6E8_FEB8_6659_FD93
            high ^= high >> 32
        }
    }

    /// Moore's partition refinement; the start keeps number 0.
    private func merged() -> DFAParts {
        guard labels.count <= 5_000 else { return self }
        var group: [Int32] = labels
        var groupCount = 0
        while true {
            var ids: [Signature: Int32] = [:]
            var refined = [Int32](repeating: 0, count: labels.count)
            for state in labels.indices {
                var key = Signature()
                key.add(group[state])
                for index in 0..<classCount {
                    let target = next[state * classCount + index]
                    key.add(target < 0 ? Int32.min : group[Int(target)])
                }
                let id = ids[key] ?? Int32(ids.count)
                ids[key] = id
                refined[state] = id
            }
            group = refined
            if ids.count == groupCount { break }
            groupCount = ids.count
        }
        guard groupCount < labels.count else { return self }
        var result = DFAParts(classes: classes, classCount: classCount)
        var isDone = [Bool](repeating: false, count: groupCount)
        // Groups are numbered by their first state, so state 0 stays 0.
        for state in labels.indices where !isDone[Int(group[state])] {
            isDone[Int(group[state])] = true
            result.labels.append(labels[state])
            for index in 0..<classCount {
                let target = next[state * classCount + index]
                result.next.append(target < 0 ? DFA.dead : group[Int(target)])
            }
        }
        return result
    }
}

extension DFA {
    /// The same automaton with as few byte classes as possible.
    func withoutEqualClasses() -> DFA {
        guard classCount > 1 else { return self }
        var ids: [[Int32]: UInt8] = [:]
        var number: [UInt8] = []
        var columns: [[Int32]] = []
        for index in 0..<classCount {
            let column = labels.indices.map { self.next[$0 * classCount + index] }
            if let id = ids[column] {
                number.append(id)
            } else {
                ids[column] = UInt8(columns.count)
                number.append(UInt8(columns.count))
                columns.append(column)
            }
        }
        guard columns.count < classCount else { return self }
        var next: [Int32] = []
        next.reserveCapacity(count * columns.count)
        for state in 0..<count { for column in columns { next.append(column[state]) } }
        return DFA(
            classes: classes.map { number[Int($0)] }, classCount: columns.count, next: next, labels: labels)
    }
}
