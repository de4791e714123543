import MoedAutomata

/// A compiled constraint: immutable tables that frames refer to.
struct Program: Sendable {
    var dfas: [DFA] = []
    /// Ways to the end of each automaton of bytes.
    var byteCosts: [TextCosts] = []
    var literals: [[UInt8]] = []
    var strings: [StringMachine] = []
    var objects: [ObjectMachine] = []
    var arrays: [ArrayMachine] = []
    var rules = RuleTable()
    /// Frames that a value of each expression may begin with.
    var beginnings: [[Frame]] = []
    /// Bytes of the shortest value of each expression.
    var costs: [Int] = []
    var root = Frame(.value)
    /// True when the text is JSON: repeated keys and items are watched.
    var isJSON = false
    /// Bytes of the tables, nearly. Each automaton has its ways to the end beside it.
    var byteCount: Int {
        let texts = (dfas + strings.map(\.dfa)).reduce(0) { $0 + 2 * $1.byteCount }
        let levels = objects.reduce(0) { $0 + $1.byteCount } + arrays.reduce(0) { $0 + 64 + 32 * $1.items.count }
        let states = rules.states.reduce(0) { $0 + 96 + 16 * $1.edges.count + 8 * $1.calls.count }
        let values = beginnings.reduce(0) { $0 + 48 + MemoryLayout<Frame>.stride * $1.count }
        return texts + levels + states + values + literals.reduce(0) { $0 + 48 + $1.count }
    }

    /// Longest shortest document that is compiled.
    static let documentBytesMax = 1 << 16
}

extension DFA {
    var byteCount: Int { 256 + 4 * (next.count + labels.count) }
}

/// A grammar's rules as one nondeterministic automaton with calls. No rule begins with itself.
struct RuleTable: Sendable {
    struct State: Sendable {
        var edges: [(bytes: ClosedRange<UInt8>, target: Int32)] = []
        /// Start of the called rule, and the state to return to.
        var calls: [(start: Int32, back: Int32)] = []
        var isEnd = false
        /// Bytes of the shortest way to the rule's end.
        var cost: Int
        /// First byte of that way, where it begins with an edge.
        var closing: UInt8?
        /// A rule that others may begin with has a higher rank than they; of starts only.
        var rank: Int32

        /// True when the rule can only end here: nothing is left to return to.
        var isBareEnd: Bool { isEnd && edges.isEmpty && calls.isEmpty }
    }

    var states: [State] = []

    /// False for a rule whose only text is empty.
    func canCall(_ start: Int32) -> Bool { !states[Int(start)].isBareEnd }
}
