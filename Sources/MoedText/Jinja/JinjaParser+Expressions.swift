/// Expressions, by falling binding strength as in Jinja2: `**`, `* / // %`, `~`, `+ -`, comparisons, `not`, `and`,
/// `or`, `… if … else …`. (That `~` binds tighter than `+` and filters tighter than everything is Jinja2's way.)
extension JinjaParser {
    /// Longest path through one expression; chains such as `a + b + c` count once for each operator.
    static let expressionDepthMax = 200

    private func node(
        _ kind: JinjaExpression.Kind, _ line: Int, over children: [JinjaExpression]
    ) throws(TextError) -> JinjaExpression {
        try node(kind, line, depthBelow: children.map(\.depth).max() ?? 0)
    }

    private func node(
        _ kind: JinjaExpression.Kind, _ line: Int, depthBelow: Int
    ) throws(TextError) -> JinjaExpression {
        guard depthBelow < Self.expressionDepthMax else {
            throw TextError(
                .limitExceeded, file: file, place: "line \(line)",
                "an expression is deeper than \(Self.expressionDepthMax) levels")
        }
        return JinjaExpression(kind: kind, line: line, depth: depthBelow + 1)
    }

    /// An expression, or a tuple when a comma follows it.
    mutating func expressionOrTuple(
        withConditional: Bool = true, inParentheses: Bool = false
    ) throws(TextError) -> JinjaExpression {
        let line = current.line
        var items: [JinjaExpression] = []
        var isTuple = false
        while !endsTuple {
            items.append(try withConditional ? expression() : or())
            guard takes(.symbol(",")) else { break }
            isTuple = true
        }
        if !isTuple, let only = items.first { return only }
        guard isTuple || inParentheses else {
            throw error("expected an expression, found \(current.shown)")
        }
        return try node(.tuple(items), line, over: items)
    }

    private var endsTuple: Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .symbol(")"), .name("recursive"): true
        default: false
        }
    }

    mutating func expression() throws(TextError) -> JinjaExpression {
        try nested { (parser) throws(TextError) in
            let line = parser.current.line
            var value = try parser.or()
            while parser.takes(.name("if")) {
                let condition = try parser.or()
                var otherwise: JinjaExpression?
                if parser.takes(.name("else")) { otherwise = try parser.expression() }
                value = try parser.node(
                    .conditional(condition, value, otherwise: otherwise), line,
                    over: [condition, value] + (otherwise.map { [$0] } ?? []))
            }
            return value
        }
    }

    private mutating func or() throws(TextError) -> JinjaExpression {
        var left = try and()
        while isName("or") {
            let line = current.line
            advance()
            let right = try and()
            left = try node(.or(left, right), line, over: [left, right])
        }
        return left
    }

    private mutating func and() throws(TextError) -> JinjaExpression {
        var left = try not()
        while isName("and") {
            let line = current.line
            advance()
            let right = try not()
            left = try node(.and(left, right), line, over: [left, right])
        }
        return left
    }

    private mutating func not() throws(TextError) -> JinjaExpression {
        let line = current.line
        guard takes(.name("not")) else { return try comparison() }
        let operand = try nested { (parser) throws(TextError) in try parser.not() }
        return try node(.not(operand), line, over: [operand])
    }

    private mutating func comparison() throws(TextError) -> JinjaExpression {
        let line = current.line
        let first = try sum()
        var rest: [(JinjaComparison, JinjaExpression)] = []
        while let comparison = comparisonHere {
            advance()
            if comparison == .notContained { advance() }
            rest.append((comparison, try sum()))
        }
        if rest.isEmpty { return first }
        return try node(.comparison(first, rest), line, over: [first] + rest.map(\.1))
    }

    private var comparisonHere: JinjaComparison? {
        switch current.kind {
        case .symbol(let symbol): JinjaComparison(rawValue: symbol)
        case .name("in"): .contained
        case .name("not") where next.kind == .name("in"): .notContained
        default: nil
        }
    }

    private mutating func arithmetic(
        _ symbols: [JinjaArithmetic], _ operand: (inout JinjaParser) throws(TextError) -> JinjaExpression
    ) throws(TextError) -> JinjaExpression {
        var left = try operand(&self)
        while case .symbol(let symbol) = current.kind, let operation = JinjaArithmetic(rawValue: symbol),
            symbols.contains(operation)
        {
            let line = current.line
            advance()
            let right = try operand(&self)
            left = try node(.arithmetic(operation, left, right), line, over: [left, right])
        }
        return left
    }

    private mutating func sum() throws(TextError) -> JinjaExpression {
        try arithmetic([.add, .subtract]) { (parser) throws(TextError) in try parser.concatenation() }
    }

    private mutating func concatenation() throws(TextError) -> JinjaExpression {
        let line = current.line
        var parts = [try product()]
        while takes(.symbol("~")) { parts.append(try product()) }
        return parts.count == 1 ? parts[0] : try node(.concatenation(parts), line, over: parts)
    }

    private mutating func product() throws(TextError) -> JinjaExpression {
        try arithmetic([.multiply, .divide, .floorDivide, .remainder]) { (parser) throws(TextError) in
            let line = parser.current.line
            let power = try parser.arithmetic([.power]) { (parser) throws(TextError) in try parser.unary() }
            // Jinja2 writes a constant of its own accord without parentheses, so that Python negates the power.
            if case .arithmetic(.power, let base, let exponent) = power.kind, !base.isLiteral,
                base.isConstant,
                !exponent.isConstant
            {
                throw parser.unsupported("'**' between a computed constant and a variable", line: line)
            }
            return power
        }
    }

    private mutating func unary(withFilters: Bool = true) throws(TextError) -> JinjaExpression {
        let line = current.line
        var value: JinjaExpression
        if isSymbol("-") || isSymbol("+") {
            let isNegative = isSymbol("-")
            advance()
            let operand = try nested { (parser) throws(TextError) in try parser.unary(withFilters: false) }
            value = try node(isNegative ? .negative(operand) : .positive(operand), line, over: [operand])
        } else {
            value = try primary()
        }
        value = try postfix(value)
        return withFilters ? try filtersAndTests(value) : value
    }

    // MARK: Primaries

    private mutating func primary() throws(TextError) -> JinjaExpression {
        let token = current
        switch token.kind {
        case .name(let name):
            if isInMacro, ["varargs", "kwargs", "caller"].contains(name) {
                throw unsupported("'\(name)' in a macro")
            }
            advance()
            let kind: JinjaExpression.Kind =
                switch name {
                case "true", "True": .constant(.bool(true))
                case "false", "False": .constant(.bool(false))
                case "none", "None": .constant(.none)
                default: .name(name)
                }
            return try node(kind, token.line, over: [])
        case .string(var text):
            advance()
            while case .string(let more) = current.kind {
                text += more
                advance()
            }
            return try node(.constant(.string(text)), token.line, over: [])
        case .integer(let value):
            advance()
            return try node(.constant(.integer(value)), token.line, over: [])
        case .float(let value):
            advance()
            return try node(.constant(.float(value)), token.line, over: [])
        case .symbol("("):
            advance()
            let value = try expressionOrTuple(inParentheses: true)
            try expect(.symbol(")"))
            return value
        case .symbol("["):
            advance()
            let items = try items(until: "]") { (parser) throws(TextError) in try parser.expression() }
            return try node(.list(items), token.line, over: items)
        case .symbol("{"):
            advance()
            let members = try items(until: "}") { (parser) throws(TextError) in
                let key = try parser.expression()
                try parser.expect(.symbol(":"))
                return (key: key, value: try parser.expression())
            }
            return try node(
                .dictionary(members), token.line, over: members.map(\.key) + members.map(\.value))
        default:
            throw error("unexpected \(token.shown)")
        }
    }

    private mutating func items<Item>(
        until end: String, _ item: (inout JinjaParser) throws(TextError) -> Item
    ) throws(TextError) -> [Item] {
        var items: [Item] = []
        while !isSymbol(end) {
            if !items.isEmpty {
                try expect(.symbol(","))
                if isSymbol(end) { break }
            }
            items.append(try item(&self))
        }
        advance()
        return items
    }

    // MARK: What follows a primary

    private mutating func postfix(_ start: JinjaExpression) throws(TextError) -> JinjaExpression {
        var value = start
        while true {
            if isSymbol(".") {
                value = try member(of: value)
            } else if isSymbol("[") {
                value = try subscripted(value)
            } else if isSymbol("(") {
                value = try called(value)
            } else {
                return value
            }
        }
    }

    private mutating func member(of value: JinjaExpression) throws(TextError) -> JinjaExpression {
        let line = current.line
        advance()
        switch current.kind {
        case .name(let name):
            advance()
            return try node(.attribute(value, name), line, over: [value])
        case .integer(let index):
            advance()
            let key = try node(.constant(.integer(index)), line, over: [])
            return try node(.item(value, key), line, over: [value, key])
        default:
            throw error("expected a name or a number after '.', found \(current.shown)")
        }
    }

    private mutating func subscripted(_ value: JinjaExpression) throws(TextError) -> JinjaExpression {
        let line = current.line
        advance()
        var bounds: [JinjaExpression?] = [nil]
        if !isSymbol(":") { bounds[0] = try expression() }
        while bounds.count < 3, takes(.symbol(":")) {
            bounds.append(isSymbol("]") || isSymbol(":") ? nil : try expression())
        }
        if isSymbol(",") { throw unsupported("a subscript with a comma") }
        try expect(.symbol("]"))
        if bounds.count == 1, let key = bounds[0] {
            return try node(.item(value, key), line, over: [value, key])
        }
        let step = bounds.count > 2 ? bounds[2] : nil
        return try node(
            .slice(value, bounds[0], bounds[1], step), line, over: [value] + bounds.compactMap { $0 })
    }

    private mutating func called(_ value: JinjaExpression) throws(TextError) -> JinjaExpression {
        let line = current.line
        let arguments = try arguments()
        return try node(.call(value, arguments), line, depthBelow: max(value.depth, arguments.depth))
    }

    private mutating func arguments() throws(TextError) -> JinjaCallSyntax {
        try expect(.symbol("("))
        var call = JinjaCallSyntax()
        while !isSymbol(")") {
            if !call.positional.isEmpty || !call.named.isEmpty {
                try expect(.symbol(","))
                if isSymbol(")") { break }
            }
            if isSymbol("*") || isSymbol("**") { throw unsupported("'*' in the arguments of a call") }
            if case .name(let name) = current.kind, next.kind == .symbol("=") {
                advance()
                advance()
                call.named.append((name, try expression()))
            } else {
                guard call.named.isEmpty else { throw error("a positional argument follows a named one") }
                call.positional.append(try expression())
            }
        }
        advance()
        return call
    }

    private mutating func filtersAndTests(_ start: JinjaExpression) throws(TextError) -> JinjaExpression {
        var value = start
        while true {
            let line = current.line
            if takes(.symbol("|")) {
                let call = try filterCall()
                value = try node(
                    .filter(value, call), line, depthBelow: max(value.depth, call.arguments.depth))
            } else if takes(.name("is")) {
                value = try test(value, line)
            } else if isSymbol("(") {
                value = try called(value)
            } else {
                return value
            }
        }
    }

    private mutating func filterCall() throws(TextError) -> JinjaFilterCall {
        let line = current.line
        let name = try name()
        guard let filter = JinjaFilter(rawValue: name) else {
            throw unsupported("the filter '\(name)'", line: line)
        }
        return JinjaFilterCall(filter: filter, arguments: isSymbol("(") ? try arguments() : JinjaCallSyntax())
    }

    /// The filters of a `filter` tag (whose first has no bar before it) or of a `set` block.
    mutating func filterChain(first: Bool) throws(TextError) -> [JinjaFilterCall] {
        var calls = first ? [try filterCall()] : []
        while takes(.symbol("|")) { calls.append(try filterCall()) }
        return calls
    }

    private mutating func test(_ value: JinjaExpression, _ line: Int) throws(TextError) -> JinjaExpression {
        let isNegated = takes(.name("not"))
        let name = try name()
        guard let test = JinjaTest(rawValue: name) else {
            throw unsupported("the test '\(name)'", line: line)
        }
        var arguments = JinjaCallSyntax()
        if isSymbol("(") {
            arguments = try self.arguments()
        } else if beginsTestArgument {
            if isName("is") { throw error("tests cannot be chained with 'is'") }
            let first = try primary()
            arguments.positional = [try postfix(first)]
        }
        let result = try node(
            .test(value, test, arguments), line, depthBelow: max(value.depth, arguments.depth))
        return isNegated ? try node(.not(result), line, over: [result]) : result
    }

    /// True when an argument without parentheses follows, as in `x is divisibleby 3`.
    private var beginsTestArgument: Bool {
        switch current.kind {
        case .name("else"), .name("or"), .name("and"): false
        case .name, .string, .integer, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }
}
