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
    /// Longest shortest document that is compiled.
    static let documentBytesMax = 1 << 16
}

/// A grammar's rules as one nondeterministic automaton with calls.
struct RuleTable: Sendable {
    struct State: Sendable {
        var edges: [(bytes: ClosedRange<UInt8>, target: Int32)] = []
        var empty: [Int32] = []
        /// Start of the called rule, and the state to return to.
        var calls: [(start: Int32, back: Int32)] = []
        var isEnd = false
        /// Bytes of the shortest way to the rule's end, and the first edge of it.
        var cost = TextCosts.infinite
        var closing: UInt8 = 0
    }

    var states: [State] = []
}
