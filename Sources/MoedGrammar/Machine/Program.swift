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
