import MoedAutomata

/// A parsed right side of a rule.
indirect enum RuleSyntax: Sendable {
    case set(CodePointSet)
    /// A rule by its number.
    case rule(Int)
    case sequence([RuleSyntax])
    case alternatives([RuleSyntax])
    /// `most` nil means no upper bound.
    case repeated(RuleSyntax, least: Int, most: Int?)

    static let empty = RuleSyntax.sequence([])
}

/// The rules of a grammar. References are numbers of rules.
struct RuleSet: Sendable {
    var names: [String]
    var bodies: [RuleSyntax]
    var root: Int
}
