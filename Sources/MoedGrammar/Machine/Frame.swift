/// State of one level of a document: a place in a value, an object, an array or a rule.
///
/// One flat structure for all kinds makes frames cheap to compare and to number.
struct Frame: Hashable, Sendable {
    enum Kind: UInt8 {
        /// The document is complete.
        case accept
        /// Levels below are cut off; what follows is not known.
        case unknown
        /// Any value of an expression may begin.
        case value
        /// A fixed text.
        case literal
        /// Text of a byte automaton: a number, or a whole answer of a regular expression.
        case bytes
        case string
        case object
        case array
        /// A rule of a grammar.
        case rule
    }

    var kind: Kind
    var phase: UInt8 = 0
    /// White space so far: 0 none, 1 a blank, 2 and more a line feed and indentation.
    var space: UInt8 = 0
    /// Number of the literal, automaton, machine or expression.
    var machine: Int32 = 0
    /// Number of the next member, item or byte.
    var position: Int32 = 0
    /// Members or contained items so far.
    var count: Int32 = 0
    var text = TextState()
    /// Code points that a string still needs.
    var least: Int32 = 0
    /// Code points that a string may still have; -1 is no limit.
    var most: Int32 = -1
    /// Label of a member's key.
    var label: Int32 = 0
    /// True when the key that has just ended is not yet taken out of those that may come.
    var isOpen = false
    /// Number of the key that is taken out when the next one begins; 0 for none.
    var pending: Int32 = 0

    init(_ kind: Kind, machine: Int32 = 0) {
        self.kind = kind
        self.machine = machine
    }

    /// White space with one more byte; nil when it is not allowed.
    static func spaced(_ space: UInt8, _ byte: UInt8) -> UInt8? {
        switch (space, byte) {
        case (0, UInt8(ascii: " ")): 1
        case (0, UInt8(ascii: "\n")): 2
        case (2..<130, UInt8(ascii: " ")), (2..<130, UInt8(ascii: "\t")): space + 1
        default: nil
        }
    }
}
