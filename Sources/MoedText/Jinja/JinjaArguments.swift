/// The values a function, filter or test is called with.
struct JinjaArguments: Sendable {
    var positional: [JinjaValue] = []
    var named: [(name: String, value: JinjaValue)] = []
}

extension JinjaInterpreter {
    func evaluate(_ syntax: JinjaCallSyntax) throws(TextError) -> JinjaArguments {
        var arguments = JinjaArguments()
        for expression in syntax.positional { arguments.positional.append(try evaluate(expression)) }
        for (name, expression) in syntax.named { arguments.named.append((name, try evaluate(expression))) }
        return arguments
    }

    /// The arguments of a callee that takes them by position only.
    func bindUnnamed(
        _ arguments: JinjaArguments, _ parameters: [String], required: Int, _ callee: String
    ) throws(TextError) -> [JinjaValue?] {
        if let named = arguments.named.first { throw failure("\(callee) has no parameter '\(named.name)'") }
        return try bind(arguments, parameters, required: required, callee)
    }

    /// The arguments in the order of the parameters; nil where none was given.
    func bind(
        _ arguments: JinjaArguments, _ parameters: [String], required: Int, _ callee: String
    ) throws(TextError) -> [JinjaValue?] {
        try charge(steps: parameters.count / 8 + arguments.named.count * parameters.count / 8)
        guard arguments.positional.count <= parameters.count else {
            throw failure(
                "\(callee) takes at most \(parameters.count) arguments, not \(arguments.positional.count)")
        }
        var values: [JinjaValue?] = arguments.positional
        values += Array(repeating: nil, count: parameters.count - values.count)
        for (name, value) in arguments.named {
            guard let position = parameters.firstIndex(of: name) else {
                throw failure("\(callee) has no parameter '\(name)'")
            }
            guard values[position] == nil else { throw failure("\(callee) got '\(name)' twice") }
            values[position] = value
        }
        for position in 0..<required where values[position] == nil {
            throw failure("\(callee) needs '\(parameters[position])'")
        }
        return values
    }
}
