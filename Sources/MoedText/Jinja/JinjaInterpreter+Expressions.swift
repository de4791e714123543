extension JinjaInterpreter {
    func evaluate(_ expression: JinjaExpression) throws(TextError) -> JinjaValue {
        try enter(line: expression.line)
        let value = try value(of: expression)
        leave()
        line = expression.line
        return value
    }

    private func value(of expression: JinjaExpression) throws(TextError) -> JinjaValue {
        switch expression.kind {
        case .constant(let value): return value
        case .name(let name): return try lookUp(name)
        case .list(let items): return try list(try evaluate(all: items))
        case .tuple(let items): return .tuple(try sequence(try evaluate(all: items)))
        case .dictionary(let members): return try dictionary(members)
        case .attribute(let object, let name): return try attribute(name, of: try evaluate(object))
        case .item(let object, let key):
            let object = try evaluate(object)
            return try item(try evaluate(key), of: object)
        case .slice(let object, let start, let end, let step):
            let object = try evaluate(object)
            return try slice(object, try bound(start), try bound(end), try bound(step))
        case .call(let callee, let arguments):
            let callee = try evaluate(callee)
            return try call(callee, try evaluate(arguments))
        case .filter(let operand, let call):
            return try filter(try evaluate(operand), call)
        case .test(let operand, let test, let arguments):
            let operand = try evaluate(operand)
            return .bool(try self.test(operand, test, try evaluate(arguments)))
        case .not(let operand): return .bool(try !evaluate(operand).isTrue)
        case .negative(let operand): return try negated(try evaluate(operand))
        case .positive(let operand): return try positive(try evaluate(operand))
        case .arithmetic(let operation, let left, let right):
            let left = try evaluate(left)
            return try apply(operation, left, try evaluate(right))
        case .concatenation(let parts): return try concatenation(parts)
        case .comparison(let first, let rest): return try comparison(first, rest)
        case .and(let left, let right):
            let left = try evaluate(left)
            return left.isTrue ? try evaluate(right) : left
        case .or(let left, let right):
            let left = try evaluate(left)
            return left.isTrue ? left : try evaluate(right)
        case .conditional(let condition, let value, let otherwise):
            if try evaluate(condition).isTrue { return try evaluate(value) }
            guard let otherwise else { return .undefined("the value of an 'if' without 'else'") }
            return try evaluate(otherwise)
        }
    }

    private func evaluate(all expressions: [JinjaExpression]) throws(TextError) -> [JinjaValue] {
        var values: [JinjaValue] = []
        for expression in expressions { values.append(try evaluate(expression)) }
        return values
    }

    private func dictionary(
        _ members: [(key: JinjaExpression, value: JinjaExpression)]
    ) throws(TextError) -> JinjaValue {
        var pairs: [(key: String, value: JinjaValue)] = []
        for (key, value) in members {
            guard case .string(let key) = try evaluate(key) else {
                throw failure("a dictionary's keys must be strings here")
            }
            pairs.append((key, try evaluate(value)))
        }
        return .dictionary(try dictionary(pairs))
    }

    private func concatenation(_ parts: [JinjaExpression]) throws(TextError) -> JinjaValue {
        var text = ""
        for part in parts {
            let value = try evaluate(part)
            if case .safeText = value { throw unsupported("'~' after the filter 'safe'") }
            let piece = try self.text(of: value)
            try charge(bytes: piece.utf8.count)
            text += piece
        }
        return .string(text)
    }

    private func comparison(
        _ first: JinjaExpression, _ rest: [(JinjaComparison, JinjaExpression)]
    ) throws(TextError) -> JinjaValue {
        var left = try evaluate(first)
        for (comparison, expression) in rest {
            let right = try evaluate(expression)
            guard try holds(comparison, left, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    /// A slice's bound: nil when it is left out or None.
    private func bound(_ expression: JinjaExpression?) throws(TextError) -> Int? {
        guard let expression else { return nil }
        let value = try evaluate(expression)
        if case .none = value { return nil }
        guard let bound = value.asInteger else {
            throw failure("a slice needs integers, not \(value.kind)")
        }
        return bound
    }

    // MARK: Calls

    private func call(
        _ callee: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        switch callee {
        case .function(let function): return try call(function, arguments)
        case .macro(let index): return try call(macro: index, arguments)
        case .method(let receiver, let name): return try call(name, of: receiver, arguments)
        case .undefined(let what): throw failure("\(what) is undefined and cannot be called")
        default: throw failure("\(callee.kind) cannot be called")
        }
    }

    private func call(
        _ function: JinjaFunction, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        switch function {
        case .range: return try range(arguments)
        case .dict: return .dictionary(try dictionary(from: arguments, "dict"))
        case .namespace:
            namespaces.append(try dictionary(from: arguments, "namespace"))
            return .namespace(namespaces.count - 1)
        case .raiseException:
            let message = try bind(arguments, ["message"], required: 1, "raise_exception")[0]
            throw failure(try message.map { value throws(TextError) in try text(of: value) } ?? "")
        case .strftimeNow:
            throw failure("strftime_now: a prompt must not depend on the time at which its job runs")
        }
    }

    private func dictionary(
        from arguments: JinjaArguments, _ callee: String
    ) throws(TextError) -> JinjaDictionary {
        guard arguments.positional.count <= 1 else { throw failure("\(callee) takes one dictionary at most") }
        var members: [(key: String, value: JinjaValue)] = []
        switch arguments.positional.first {
        case nil: break
        case .dictionary(let start): members = start.members
        case .undefined(let name): throw failure("\(name) is undefined")
        case .some(let pairs):
            for pair in try elements(of: pairs) {
                let parts = try elements(of: pair)
                guard parts.count == 2, case .string(let key) = parts[0] else {
                    throw failure("\(callee) needs pairs of a string and a value")
                }
                members.append((key, parts[1]))
            }
        }
        for (name, value) in arguments.named { members.append((name, value)) }
        return try dictionary(members)
    }

    private func range(_ arguments: JinjaArguments) throws(TextError) -> JinjaValue {
        guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
            throw failure("range takes one to three integers")
        }
        var numbers: [Int] = []
        for value in arguments.positional {
            guard let number = value.asInteger else {
                throw failure("range needs integers, not \(value.kind)")
            }
            numbers.append(number)
        }
        let start = numbers.count > 1 ? numbers[0] : 0
        let end = numbers.count > 1 ? numbers[1] : numbers[0]
        let step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw failure("the step of a range must not be 0") }
        // Differences of integers fit into 64 bits without sign.
        let isEmpty = step > 0 ? start >= end : start <= end
        let distance = UInt(bitPattern: step > 0 ? end &- start : start &- end)
        let steps = isEmpty ? 0 : (distance - 1) / step.magnitude + 1
        guard steps <= Self.rangeMax else { throw failure("a range is longer than \(Self.rangeMax)") }
        return .view(try range(start: start, end: end, step: step, count: Int(steps)))
    }

    /// A range of integers that are known to fit into 64 bits.
    func range(start: Int, end: Int, step: Int, count: Int) throws(TextError) -> JinjaView {
        try charge(elements: count)
        let numbers = (0..<count).map { JinjaValue.integer(start &+ $0 &* step) }
        return JinjaView(source: .range(start: start, end: end, step: step), items: JinjaSequence(numbers))
    }
}
