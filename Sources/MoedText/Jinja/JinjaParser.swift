/// Builds the program of a template, statement by statement. What the interpreter cannot do is refused here, by
/// name and line, so that a template that loads can be trusted to run.
struct JinjaParser {
    /// Blocks and brackets inside each other; bounds the stack that parsing uses.
    static let nestingMax = 64

    let file: String
    private let tokens: [JinjaToken]
    private var at = 0
    private var macros: [JinjaMacro] = []
    private var nesting = 0
    /// Number of enclosing statements with a scope of their own.
    private var scopes = 0
    private var loops = 0
    private(set) var isInMacro = false

    private init(tokens: [JinjaToken], file: String) {
        self.tokens = tokens
        self.file = file
    }

    static func program(of source: String, file: String) throws(TextError) -> JinjaProgram {
        var parser = JinjaParser(tokens: try JinjaLexer.tokens(of: source, file: file), file: file)
        let body = try parser.statements(until: [])
        return JinjaProgram(body: body, macros: parser.macros)
    }

    // MARK: Tokens

    var current: JinjaToken { tokens[at] }
    var next: JinjaToken { tokens[min(at + 1, tokens.count - 1)] }

    mutating func advance() { at = min(at + 1, tokens.count - 1) }

    func error(_ reason: String, line: Int? = nil) -> TextError {
        TextError(.templateSyntax, file: file, place: "line \(line ?? current.line)", reason)
    }

    func unsupported(_ what: String, line: Int? = nil) -> TextError {
        TextError(.unsupported, file: file, place: "line \(line ?? current.line)", "\(what) is not supported")
    }

    func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }
    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    mutating func takes(_ kind: JinjaToken.Kind) -> Bool {
        guard current.kind == kind else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: JinjaToken.Kind) throws(TextError) {
        guard takes(kind) else {
            throw error("expected \(JinjaToken(kind: kind, line: 0).shown), found \(current.shown)")
        }
    }

    mutating func name() throws(TextError) -> String {
        guard case .name(let name) = current.kind else {
            throw error("expected a name, found \(current.shown)")
        }
        advance()
        return name
    }

    mutating func nested<Value>(
        _ body: (inout JinjaParser) throws(TextError) -> Value
    ) throws(TextError) -> Value {
        guard nesting < Self.nestingMax else {
            throw TextError(
                .limitExceeded, file: file, place: "line \(current.line)",
                "nested deeper than \(Self.nestingMax) levels")
        }
        nesting += 1
        defer { nesting -= 1 }
        return try body(&self)
    }

    // MARK: Statements

    /// Parses up to the tag that begins with one of the words, and leaves that word as the current token.
    private mutating func statements(until ends: [String]) throws(TextError) -> [JinjaStatement] {
        var statements: [JinjaStatement] = []
        while true {
            let line = current.line
            switch current.kind {
            case .data(let text):
                advance()
                statements.append(JinjaStatement(kind: .text(text), line: line))
            case .variableBegin:
                advance()
                let expression = try expressionOrTuple()
                try expect(.variableEnd)
                statements.append(JinjaStatement(kind: .print(expression), line: line))
            case .blockBegin:
                advance()
                guard case .name(let word) = current.kind else {
                    throw error("expected the name of a tag, found \(current.shown)")
                }
                if ends.contains(word) { return statements }
                let kind = try nested { (parser) throws(TextError) in try parser.statement(word) }
                try expect(.blockEnd)
                statements.append(JinjaStatement(kind: kind, line: line))
            case .end where ends.isEmpty:
                return statements
            default:
                let wanted = ends.map { "'\($0)'" }.joined(separator: " or ")
                throw error("expected \(wanted), found \(current.shown)")
            }
        }
    }

    /// The body of a block tag, up to and including the word that ends it.
    private mutating func body(until ends: String...) throws(TextError) -> (
        body: [JinjaStatement], end: String
    ) {
        _ = takes(.symbol(":"))
        try expect(.blockEnd)
        let body = try statements(until: ends)
        return (body, try name())
    }

    private mutating func scopedBody(until ends: String...) throws(TextError) -> (
        body: [JinjaStatement], end: String
    ) {
        scopes += 1
        defer { scopes -= 1 }
        _ = takes(.symbol(":"))
        try expect(.blockEnd)
        let body = try statements(until: ends)
        return (body, try name())
    }

    private mutating func statement(_ word: String) throws(TextError) -> JinjaStatement.Kind {
        let line = current.line
        advance()
        switch word {
        case "set": return try assignment()
        case "if": return try condition()
        case "for": return try loop()
        case "macro": return try macro(line)
        case "with": return try scope()
        case "filter":
            let filters = try filterChain(first: true)
            return .filtered(filters, try scopedBody(until: "endfilter").body)
        case "generation": return .scope([], try scopedBody(until: "endgeneration").body)
        case "break", "continue":
            guard loops > 0 else { throw error("'\(word)' outside of a loop", line: line) }
            return word == "break" ? .leave : .proceed
        case "autoescape", "block", "call", "debug", "do", "extends", "from", "import", "include",
            "pluralize", "trans":
            throw unsupported("the tag '\(word)'", line: line)
        default: throw error("unknown tag '\(word)'", line: line)
        }
    }

    private mutating func assignment() throws(TextError) -> JinjaStatement.Kind {
        let target = try target(withMembers: true)
        if takes(.symbol("=")) { return .assign(target, try expressionOrTuple()) }
        let filters = try filterChain(first: false)
        return .capture(target, filters, try scopedBody(until: "endset").body)
    }

    private mutating func condition() throws(TextError) -> JinjaStatement.Kind {
        var branches: [(condition: JinjaExpression?, body: [JinjaStatement])] = []
        while true {
            let condition = try expressionOrTuple(withConditional: false)
            let (body, end) = try body(until: "elif", "else", "endif")
            branches.append((condition, body))
            if end == "endif" { return .branches(branches) }
            if end == "else" {
                branches.append((nil, try self.body(until: "endif").body))
                return .branches(branches)
            }
        }
    }

    private mutating func loop() throws(TextError) -> JinjaStatement.Kind {
        let target = try target(withMembers: false)
        try expect(.name("in"))
        let iterable = try expressionOrTuple(withConditional: false)
        var condition: JinjaExpression?
        if takes(.name("if")) { condition = try expression() }
        if isName("recursive") { throw unsupported("'recursive' in a for loop") }
        loops += 1
        let (body, end) = try scopedBody(until: "else", "endfor")
        loops -= 1
        let otherwise = end == "else" ? try scopedBody(until: "endfor").body : []
        return .loop(
            JinjaForLoop(
                target: target, iterable: iterable, condition: condition, body: body, otherwise: otherwise))
    }

    private mutating func scope() throws(TextError) -> JinjaStatement.Kind {
        var values: [(JinjaTarget, JinjaExpression)] = []
        while current.kind != .blockEnd {
            if !values.isEmpty { try expect(.symbol(",")) }
            let target = try target(withMembers: false)
            try expect(.symbol("="))
            values.append((target, try expression()))
        }
        return .scope(values, try scopedBody(until: "endwith").body)
    }

    private mutating func macro(_ line: Int) throws(TextError) -> JinjaStatement.Kind {
        let name = try name()
        // A macro sees the variables around its definition. Only the outermost ones are still there at every call.
        guard scopes == 0 else {
            throw unsupported("a macro inside of another block ('\(name)')", line: line)
        }
        var parameters: [JinjaMacro.Parameter] = []
        try expect(.symbol("("))
        while !isSymbol(")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            if isSymbol(")") { break }
            let parameter = try self.name()
            var fallback: JinjaExpression?
            if takes(.symbol("=")) { fallback = try expression() }
            if fallback == nil, parameters.last?.fallback != nil {
                throw error("the parameter '\(parameter)' without default follows one with default")
            }
            parameters.append(JinjaMacro.Parameter(name: parameter, fallback: fallback))
        }
        try expect(.symbol(")"))
        let outer = (loops, isInMacro)
        (loops, isInMacro) = (0, true)
        let body = try scopedBody(until: "endmacro").body
        (loops, isInMacro) = outer
        macros.append(JinjaMacro(name: name, parameters: parameters, body: body))
        return .define(macro: macros.count - 1)
    }

    /// One name, or several with commas between them.
    private mutating func target(withMembers: Bool) throws(TextError) -> JinjaTarget {
        var targets: [JinjaTarget] = []
        var isTuple = false
        repeat {
            if isName("in") || isSymbol("=") { break }
            targets.append(try singleTarget(withMembers: withMembers))
            isTuple = isTuple || isSymbol(",")
        } while takes(.symbol(","))
        guard let first = targets.first else { throw error("expected a name, found \(current.shown)") }
        return isTuple ? .tuple(targets) : first
    }

    private mutating func singleTarget(withMembers: Bool) throws(TextError) -> JinjaTarget {
        if takes(.symbol("(")) {
            let inner = try nested { (parser) throws(TextError) in
                try parser.target(withMembers: withMembers)
            }
            try expect(.symbol(")"))
            return inner
        }
        let line = current.line
        let name = try name()
        guard !["true", "false", "none", "True", "False", "None", "loop"].contains(name) else {
            throw error("'\(name)' cannot be assigned to", line: line)
        }
        if withMembers, takes(.symbol(".")) { return .member(name, try self.name()) }
        return .name(name)
    }
}
