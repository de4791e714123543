extension JinjaInterpreter {
    /// End of a block: `break` and `continue` travel up to their loop.
    enum Ending { case atEnd, leave, proceed }

    func execute(_ statements: [JinjaStatement]) throws(TextError) -> Ending {
        for statement in statements {
            try enter(line: statement.line)
            let ending = try execute(statement)
            leave()
            if ending != .atEnd { return ending }
        }
        return .atEnd
    }

    private func execute(_ statement: JinjaStatement) throws(TextError) -> Ending {
        switch statement.kind {
        case .text(let text): try write(text)
        case .print(let expression):
            let value = try evaluate(expression)
            try write(try text(of: value))
        case .assign(let target, let expression): try assign(try evaluate(expression), to: target)
        case .capture(let target, let filters, let body):
            let text = try captured(body, filters)
            try assign(text.value, to: target)
            return text.ending
        case .filtered(let filters, let body):
            let text = try captured(body, filters)
            try write(try self.text(of: text.value))
            return text.ending
        case .loop(let loop): return try execute(loop)
        case .branches(let branches):
            for branch in branches {
                if let condition = branch.condition, try !evaluate(condition).isTrue { continue }
                return try execute(branch.body)
            }
        case .scope(let values, let body):
            // The values are those of the outer scope, whatever the new one is called.
            var evaluated: [(JinjaTarget, JinjaValue)] = []
            for (target, expression) in values { evaluated.append((target, try evaluate(expression))) }
            scopes.append([:])
            for (target, value) in evaluated { try assign(value, to: target) }
            let ending = try execute(body)
            scopes.removeLast()
            return ending
        case .define(let macro): set(program.macros[macro].name, .macro(macro))
        case .leave: return .leave
        case .proceed: return .proceed
        }
        return .atEnd
    }

    /// The text that statements print, filtered.
    private func captured(
        _ body: [JinjaStatement], _ filters: [JinjaFilterCall]
    ) throws(TextError) -> (value: JinjaValue, ending: Ending) {
        let outer = output
        output = ""
        scopes.append([:])
        let ending = try execute(body)
        scopes.removeLast()
        var value = JinjaValue.string(output)
        output = outer
        for call in filters { value = try filter(value, call) }
        return (value, ending)
    }

    private func execute(_ loop: JinjaForLoop) throws(TextError) -> Ending {
        let iterable = try evaluate(loop.iterable)
        var items = try elements(of: iterable)
        if let condition = loop.condition {
            var kept: [JinjaValue] = []
            for item in items {
                scopes.append([:])
                try assign(item, to: loop.target)
                if try evaluate(condition).isTrue {
                    try charge(elements: 1)
                    kept.append(item)
                }
                scopes.removeLast()
            }
            items = kept
        }
        if items.isEmpty {
            scopes.append([:])
            let ending = try execute(loop.otherwise)
            scopes.removeLast()
            return ending
        }
        let sequence = try sequence(of: iterable, items, isFiltered: loop.condition != nil)
        for (index, item) in items.enumerated() {
            // A body without statements costs none.
            try charge(steps: 1)
            scopes.append(["loop": .loop(JinjaLoop(items: sequence, index: index))])
            try assign(item, to: loop.target)
            let ending = try execute(loop.body)
            scopes.removeLast()
            if ending == .leave { break }
        }
        return .atEnd
    }

    private func assign(_ value: JinjaValue, to target: JinjaTarget) throws(TextError) {
        switch target {
        case .name(let name): set(name, value)
        case .member(let name, let attribute):
            guard case .namespace(let index) = try lookUp(name) else {
                throw failure("'\(name)' is no namespace, so '\(name).\(attribute)' cannot be set")
            }
            try charge(bytes: attribute.utf8.count + MemoryLayout<JinjaValue>.stride)
            namespaces[index].set(attribute, value)
        case .tuple(let targets):
            try charge(steps: targets.count)
            let values = try elements(of: value)
            guard values.count == targets.count else {
                throw failure("\(targets.count) values expected to unpack, found \(values.count)")
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target) }
        }
    }

    /// The items of a loop; those of a list are shared with it.
    private func sequence(
        of iterable: JinjaValue, _ items: [JinjaValue], isFiltered: Bool
    ) throws(TextError) -> JinjaSequence {
        switch iterable {
        case .list(let sequence) where !isFiltered, .tuple(let sequence) where !isFiltered: sequence
        case .view(let view) where !isFiltered: view.items
        default: try sequence(items, isPaid: isFiltered)
        }
    }

    /// The elements that a for loop goes through.
    func elements(of value: JinjaValue) throws(TextError) -> [JinjaValue] {
        switch value {
        case .undefined: return []
        case .list(let items), .tuple(let items): return items.elements
        case .view(let view): return view.items.elements
        case .dictionary(let members):
            try charge(elements: members.members.count)
            return members.members.map { .string($0.key) }
        case .string(let text):
            try charge(elements: text.utf8.count)
            return text.unicodeScalars.map { .string(String($0)) }
        case .generator(let index):
            let rest = generators[index]
            generators[index] = []
            return rest
        case .safeText: throw unsupported("a loop over text after the filter 'safe'")
        default: throw failure("\(value.kind) cannot be iterated over")
        }
    }

    // MARK: Macros

    func call(macro index: Int, _ arguments: JinjaArguments) throws(TextError) -> JinjaValue {
        let macro = program.macros[index]
        try charge(steps: macro.parameters.count + scopes.count)
        let values = try bind(
            arguments, macro.parameters.map(\.name), required: 0, "the macro '\(macro.name)'")
        // A macro sees only the outermost of the caller's scopes: it is defined there.
        let callers = Array(scopes[2...])
        let outer = output
        scopes.removeSubrange(2...)
        scopes.append([:])
        output = ""
        for (parameter, value) in zip(macro.parameters, values) {
            if let value {
                set(parameter.name, value)
            } else if let fallback = parameter.fallback {
                set(parameter.name, try evaluate(fallback))
            } else {
                set(parameter.name, .undefined("the parameter '\(parameter.name)' of '\(macro.name)'"))
            }
        }
        _ = try execute(macro.body)
        let text = output
        output = outer
        scopes.removeLast()
        scopes += callers
        return .string(text)
    }
}
