/// Parses regular expressions: what RE2 and ECMAScript have in common, and leading look-aheads.
package struct RegexParser {
    /// Maximum nesting of groups.
    static let depthMax = 100
    static let repeatMax = 20_000

    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var depth = 0
    private var ignoresCase = false
    private var conditions: [(syntax: RegexSyntax, holds: Bool)] = []

    package static func parse(_ text: String) throws(GrammarError) -> RegexPattern {
        var parser = RegexParser(scalars: Array(text.unicodeScalars))
        let body = try parser.alternatives(atStart: true)
        guard parser.at == parser.scalars.count else { throw parser.error("unmatched ')'") }
        return RegexPattern(body: body, conditions: parser.conditions)
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private func error(_ reason: String) -> GrammarError {
        GrammarError(.malformed, "regular expression: \(reason) (character \(at + 1))")
    }

    private func unsupported(_ construct: String) -> GrammarError {
        GrammarError(.unsupported, "regular expression: \(construct) is not supported (character \(at + 1))")
    }

    private var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    private mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard at + wanted.count <= scalars.count, Array(scalars[at..<at + wanted.count]) == wanted else {
            return false
        }
        at += wanted.count
        return true
    }

    /// - Parameter atStart: true at the beginning of the whole expression.
    private mutating func alternatives(atStart: Bool = false) throws(GrammarError) -> RegexSyntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else {
            throw GrammarError(
                .tooLarge, "regular expression: groups are nested deeper than \(Self.depthMax)")
        }
        var parts = [try sequence(atStart: atStart)]
        while take("|") {
            guard !atStart || conditions.isEmpty else {
                throw unsupported("a look-ahead beside an alternative")
            }
            parts.append(try sequence(atStart: false))
        }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence(atStart: Bool) throws(GrammarError) -> RegexSyntax {
        var parts: [RegexSyntax] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if scalar == "(", try condition(isFirst: atStart && parts.allSatisfy(\.isAnchored)) { continue }
            let part = try atom()
            parts.append(try repetition(of: part))
            guard parts.count <= 100_000 else {
                throw GrammarError(.tooLarge, "regular expression: too long")
            }
        }
        return parts.count == 1 ? parts[0] : parts.isEmpty ? .empty : .sequence(parts)
    }

    /// Reads a look-ahead; false when there is none.
    private mutating func condition(isFirst: Bool) throws(GrammarError) -> Bool {
        let start = at
        for (opening, holds) in [("(?=", true), ("(?!", false)] where take(opening) {
            guard isFirst else {
                at = start
                throw unsupported("a look-ahead behind the beginning")
            }
            let syntax = try alternatives()
            guard take(")") else { throw error("missing ')'") }
            conditions.append((syntax, holds))
            return true
        }
        if take("(?<=") || take("(?<!") { throw unsupported("a look-behind") }
        return false
    }

    private mutating func atom() throws(GrammarError) -> RegexSyntax {
        guard let scalar = next else { return .empty }
        at += 1
        switch scalar {
        case "(": return try group()
        case "[": return .set(try RegexClass.parse(scalars, &at, ignoresCase))
        case ".": return .set(.notLineEnd)
        case "^": return .textBegin
        case "$": return .textEnd
        case "\\": return try escape()
        case "*", "+", "?": throw error("nothing to repeat before '\(scalar)'")
        default: return .set(cased(.one(scalar.value)))
        }
    }

    private func cased(_ set: CodePointSet) -> CodePointSet { ignoresCase ? set.ignoringCase : set }

    private mutating func group() throws(GrammarError) -> RegexSyntax {
        let outer = ignoresCase
        defer { ignoresCase = outer }
        if take("?") {
            if take("<") || take("P<") {
                while let scalar = next, scalar != ">" { at += scalar == ")" ? scalars.count : 1 }
                guard take(">") else { throw error("missing '>' of a group's name") }
            } else if take("i)") {
                // The flag holds to the end of the enclosing group.
                ignoresCase = true
                let rest = try alternatives()
                return rest
            } else if take("i:") {
                ignoresCase = true
            } else if !take(":") {
                throw unsupported("the group (?\(next.map { String($0) } ?? "")")
            }
        }
        let body = try alternatives()
        guard take(")") else { throw error("missing ')'") }
        return body
    }

    private mutating func escape() throws(GrammarError) -> RegexSyntax {
        guard let scalar = next else { throw error("the expression ends with a backslash") }
        if scalar == "b" || scalar == "B" {
            at += 1
            return .wordBoundary(scalar == "b")
        }
        if ("1"..."9").contains(scalar) || scalar == "k" { throw unsupported("a back reference") }
        if scalar == "A" || scalar == "z" || scalar == "Z" {
            at += 1
            return scalar == "A" ? .textBegin : .textEnd
        }
        return .set(cased(try RegexClass.escape(scalars, &at)))
    }

    private mutating func repetition(of part: RegexSyntax) throws(GrammarError) -> RegexSyntax {
        var part = part
        while let scalar = next {
            switch scalar {
            case "*": (part, at) = (.repeated(part, least: 0, most: nil), at + 1)
            case "+": (part, at) = (.repeated(part, least: 1, most: nil), at + 1)
            case "?": (part, at) = (.repeated(part, least: 0, most: 1), at + 1)
            case "{":
                guard let (least, most) = try bounds() else { return part }
                part = .repeated(part, least: least, most: most)
            default: return part
            }
            // Laziness changes what a group captures, and not what the expression matches.
            if !take("?"), next == "+" { throw unsupported("a possessive repetition") }
        }
        return part
    }

    /// Reads `{2}`, `{2,}` or `{2,5}`; nil for a brace that is text.
    private mutating func bounds() throws(GrammarError) -> (Int, Int?)? {
        let start = at
        at += 1
        let least = number()
        var most = least
        let hasComma = take(",")
        if hasComma { most = number() }
        guard least != nil, take("}") else {
            at = start
            guard start > 0 else { throw error("nothing to repeat before '{'") }
            return nil
        }
        guard let least, max(least, most ?? 0) <= Self.repeatMax else {
            throw GrammarError(.tooLarge, "regular expression: more than \(Self.repeatMax) repetitions")
        }
        guard most.map({ $0 >= least }) ?? true else { throw error("the repetition's bounds are swapped") }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar) {
            value = min((value ?? 0) * 10 + Int(scalar.value - 48), 1_000_000)
            at += 1
        }
        return value
    }
}
