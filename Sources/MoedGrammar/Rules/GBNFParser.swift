import MoedAutomata

/// Parses GBNF, llama.cpp's notation of grammars. Line feeds are white space, as in xgrammar's EBNF.
struct GBNFParser {
    static let bytesMax = 1 << 18
    static let rulesMax = 10_000
    /// Maximum nesting of groups.
    static let depthMax = 100
    /// Maximum number of repetitions behind one element: `a{2}{3}`.
    static let repetitionsMax = 8
    static let repeatMax = 20_000

    private let scalars: [Unicode.Scalar]
    var at = 0
    private var depth = 0
    private var numbers: [String: Int] = [:]
    private var names: [String] = []
    private var bodies: [RuleSyntax?] = []
    /// Place of each rule's first mention.
    private var mentions: [Int] = []

    static func parse(_ text: String) throws(GrammarError) -> RuleSet {
        guard text.utf8.count <= bytesMax else {
            throw GrammarError(.tooLarge, "grammar: it has \(text.utf8.count) bytes; \(bytesMax) are the most")
        }
        var parser = GBNFParser(scalars: Array(text.unicodeScalars))
        return try parser.grammar()
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    // MARK: Places

    func error(_ reason: String, _ code: GrammarError.Code = .malformed, at place: Int? = nil) -> GrammarError {
        var (line, column) = (1, 1)
        for scalar in scalars.prefix(place ?? at) {
            (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
        }
        return GrammarError(code, "grammar: \(reason) (line \(line), column \(column))")
    }

    func unsupported(_ construct: String) -> GrammarError { error("\(construct) is not supported", .unsupported) }

    var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    mutating func take(_ text: String) -> Bool {
        guard begins(text, at) else { return false }
        at += text.unicodeScalars.count
        return true
    }

    private func begins(_ text: String, _ place: Int) -> Bool {
        var place = place
        for scalar in text.unicodeScalars {
            guard place < scalars.count, scalars[place] == scalar else { return false }
            place += 1
        }
        return true
    }

    /// The place behind white space and comments.
    private func behindSpace(_ place: Int) -> Int {
        var place = place
        while place < scalars.count {
            switch scalars[place] {
            case " ", "\t", "\n", "\r": place += 1
            case "#": while place < scalars.count, scalars[place] != "\n" { place += 1 }
            default: return place
            }
        }
        return place
    }

    // MARK: Rules

    private mutating func grammar() throws(GrammarError) -> RuleSet {
        at = behindSpace(at)
        guard next != nil else { throw error("it has no rules") }
        while next != nil {
            try rule()
            at = behindSpace(at)
        }
        guard let root = numbers["root"], bodies[root] != nil else {
            throw GrammarError(.malformed, "grammar: it has no rule “root”, with which an answer begins")
        }
        var whole: [RuleSyntax] = []
        for (number, body) in bodies.enumerated() {
            guard let body else {
                throw error("the rule “\(names[number].prefix(60))” is not defined", at: mentions[number])
            }
            whole.append(body)
        }
        return RuleSet(names: names, bodies: whole, root: root)
    }

    private mutating func rule() throws(GrammarError) {
        let start = at
        guard let name = name(), isHead(start) else {
            at = start
            throw otherNotation()
        }
        at = behindSpace(at)
        _ = take("::=")
        let number = try number(of: name, at: start)
        guard bodies[number] == nil else {
            throw error("the rule “\(name.prefix(60))” is defined twice", at: start)
        }
        bodies[number] = try alternatives()
        guard next == nil || isHead(at) else { throw otherNotation() }
    }

    /// The reason why no rule begins here: the text is often of another notation.
    private func otherNotation() -> GrammarError {
        var parser = self
        let found = parser.name()
        parser.at = behindSpace(parser.at)
        return switch parser.next {
        case ":" where found != nil:
            error("“\(found ?? ""):” is Lark's notation; only GBNF is supported: write “name ::= …”", .unsupported)
        case "=" where found != nil:
            error("“\(found ?? "") =” is not GBNF: write “name ::= …”", .unsupported)
        case "%": error("Lark's directives are not supported: write GBNF", .unsupported)
        case "?" where found == nil, "!" where found == nil, "@" where found == nil:
            error("“\(parser.next.map { String($0) } ?? "")” begins no rule of GBNF: write “name ::= …”")
        case let scalar?: error("“\(scalar)” is unexpected: “name ::=” begins a rule")
        case nil: error("“::=” is missing behind a rule's name")
        }
    }

    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
        default: false
        }
    }

    private mutating func name() -> String? {
        let start = at
        while let scalar = next, Self.isNamePart(scalar) { at += 1 }
        return at > start ? String(String.UnicodeScalarView(scalars[start..<at])) : nil
    }

    /// True when a rule's name and `::=` stand here.
    private func isHead(_ place: Int) -> Bool {
        var place = place
        while place < scalars.count, Self.isNamePart(scalars[place]) { place += 1 }
        return begins("::=", behindSpace(place))
    }

    private mutating func number(of name: String, at place: Int) throws(GrammarError) -> Int {
        if let known = numbers[name] { return known }
        guard names.count < Self.rulesMax else { throw error("more than \(Self.rulesMax) rules", .tooLarge) }
        numbers[name] = names.count
        names.append(name)
        bodies.append(nil)
        mentions.append(place)
        return names.count - 1
    }

    // MARK: Right sides

    private mutating func alternatives() throws(GrammarError) -> RuleSyntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw error("groups are nested deeper than \(Self.depthMax)", .tooLarge) }
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence() throws(GrammarError) -> RuleSyntax {
        var parts: [RuleSyntax] = []
        while true {
            at = behindSpace(at)
            guard let scalar = next, scalar != "|", scalar != ")" else { break }
            if Self.isNamePart(scalar), isHead(at) { break }
            guard let part = try element(scalar) else { break }
            parts.append(try repetition(of: part))
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    /// Nil where no element begins.
    private mutating func element(_ scalar: Unicode.Scalar) throws(GrammarError) -> RuleSyntax? {
        switch scalar {
        case "\"":
            at += 1
            return try literal()
        case "[":
            at += 1
            return .set(try characters())
        case ".":
            at += 1
            return .set(.all)
        case "(":
            at += 1
            if take("=") || take("!") { throw unsupported("a look-ahead") }
            let place = at
            let body = try alternatives()
            guard take(")") else { throw error("“)” is missing", at: place) }
            return body
        case "*", "+", "?", "{": throw error("nothing to repeat before “\(scalar)”")
        case "<", "!": throw unsupported("a token, “\(scalar)…”,")
        case "'": throw error("a text stands between double quotes")
        case "/": throw unsupported("a regular expression between slashes")
        default:
            let start = at
            guard let name = name() else { return nil }
            return .rule(try number(of: name, at: start))
        }
    }

    private mutating func repetition(of part: RuleSyntax) throws(GrammarError) -> RuleSyntax {
        var part = part
        for _ in 0...Self.repetitionsMax {
            at = behindSpace(at)
            if take("*") {
                part = .repeated(part, least: 0, most: nil)
            } else if take("+") {
                part = .repeated(part, least: 1, most: nil)
            } else if take("?") {
                part = .repeated(part, least: 0, most: 1)
            } else if take("{") {
                let (least, most) = try bounds()
                part = .repeated(part, least: least, most: most)
            } else {
                return part
            }
        }
        throw error("more than \(Self.repetitionsMax) repetitions of one element", .tooLarge)
    }

    /// Reads `2}`, `2,}` or `2,5}`.
    private mutating func bounds() throws(GrammarError) -> (Int, Int?) {
        guard let least = decimal() else { throw error("a number is missing behind “{”") }
        var most: Int? = least
        at = behindSpace(at)
        if take(",") { most = decimal() }
        at = behindSpace(at)
        guard take("}") else { throw error("“}” is missing") }
        guard max(least, most ?? 0) <= Self.repeatMax else {
            throw error("more than \(Self.repeatMax) repetitions", .tooLarge)
        }
        guard most.map({ $0 >= least }) ?? true else { throw error("the repetition's bounds are swapped") }
        return (least, most)
    }

    private mutating func decimal() -> Int? {
        at = behindSpace(at)
        var value: Int?
        while let scalar = next, ("0"..."9").contains(scalar) {
            value = min((value ?? 0) * 10 + Int(scalar.value - 48), 1_000_000)
            at += 1
        }
        return value
    }
}
