/// A parsed regular expression over code points.
indirect enum RegexSyntax: Sendable {
    case empty
    case set(CodePointSet)
    case sequence([RegexSyntax])
    case alternatives([RegexSyntax])
    /// `most` nil means no upper bound.
    case repeated(RegexSyntax, least: Int, most: Int?)
    case textBegin
    case textEnd
    /// A place between a word character (ASCII) and another one, or an end of the text; false is any other place.
    case wordBoundary(Bool)

    static func literal(_ text: String) -> RegexSyntax {
        .sequence(text.unicodeScalars.map { .set(.one($0.value)) })
    }

    /// True when the expression can only match at the beginning of the text.
    var isAnchored: Bool {
        switch self {
        case .textBegin: true
        case .sequence(let parts): parts.first { !$0.isEmptyText }?.isAnchored ?? false
        case .alternatives(let parts): !parts.isEmpty && parts.allSatisfy(\.isAnchored)
        case .repeated(let part, let least, _): least > 0 && part.isAnchored
        default: false
        }
    }

    private var isEmptyText: Bool {
        if case .empty = self { true } else { false }
    }
}

/// A regular expression with conditions on its beginning: `^(?!no)(?=yes)rest`.
package struct RegexPattern: Sendable {
    var body: RegexSyntax
    /// Expressions in front of the body that must (or must not) match from the beginning of the text.
    var conditions: [(syntax: RegexSyntax, holds: Bool)] = []
}
