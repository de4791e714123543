/// Names of the methods of Python's types: a name that is none is a missing attribute, one that is but is not done
/// here is an error that says so.
enum PythonMethods {
    static let ofDictionary: Set<String> = ["copy", "get", "items", "keys", "values"]
    static let changingDictionary: Set<String> = [
        "clear", "fromkeys", "pop", "popitem", "setdefault", "update",
    ]
    /// Attributes of numbers, macros, functions and generators. Python has them, this interpreter does not.
    static let ofOthers: Set<String> = [
        "arguments", "as_integer_ratio", "bit_count", "bit_length", "caller", "catch_kwargs", "catch_varargs",
        "close",
        "conjugate", "count", "denominator", "explicit_caller", "from_bytes", "fromhex", "hex", "imag",
        "index",
        "is_integer", "name", "numerator", "real", "send", "start", "step", "stop", "throw", "to_bytes",
    ]
    static let ofList: Set<String> = ["copy", "count", "index"]
    static let ofTuple: Set<String> = ["count", "index"]
    static let ofString: Set<String> = [
        "capitalize", "casefold", "center", "count", "encode", "endswith", "expandtabs", "find", "format",
        "format_map", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier",
        "islower",
        "isnumeric", "isprintable", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip",
        "maketrans", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title",
        "translate", "upper", "zfill",
    ]
    static let missingOfString: Set<String> = [
        "casefold", "encode", "expandtabs", "format", "format_map", "isidentifier", "isprintable", "istitle",
        "maketrans", "swapcase", "translate",
    ]
}

extension JinjaInterpreter {
    func call(
        _ name: String, of receiver: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        switch receiver {
        case .string(let text): return try call(name, ofText: text, arguments)
        case .dictionary(let members): return try call(name, of: members, arguments)
        case .list(let items), .tuple(let items): return try call(name, of: items, receiver, arguments)
        case .view(let view): return try call(name, of: view.items, receiver, arguments)
        case .loop(let loop):
            guard !arguments.positional.isEmpty, arguments.named.isEmpty else {
                throw failure("loop.cycle needs values to choose from")
            }
            return arguments.positional[loop.index % arguments.positional.count]
        default: throw failure("\(receiver.kind) has no method '\(name)'")
        }
    }

    private func call(
        _ name: String, of members: JinjaDictionary, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        if name == "get" {
            let values = try bindUnnamed(arguments, ["key", "default"], required: 1, "get")
            let key = values[0] ?? JinjaValue.none
            guard key.isHashable else { throw failure("\(key.kind) cannot be a key") }
            let fallback = values[1] ?? JinjaValue.none
            guard case .string(let key) = key else { return fallback }
            try charge(reading: key.utf8.count * 2)
            return members[key] ?? fallback
        }
        _ = try bind(arguments, [], required: 0, name)
        try charge(elements: members.members.count)
        switch name {
        case "copy": return .dictionary(members)
        case "keys": return try view(.keys, members.members.map { .string($0.key) })
        case "values": return try view(.values, members.members.map(\.value))
        default: return try view(.items, try pairs(of: members))
        }
    }

    private func view(_ source: JinjaView.Source, _ items: [JinjaValue]) throws(TextError) -> JinjaValue {
        .view(JinjaView(source: source, items: try sequence(items, isPaid: true)))
    }

    func pairs(of members: JinjaDictionary) throws(TextError) -> [JinjaValue] {
        var pairs: [JinjaValue] = []
        for member in members.members {
            pairs.append(.tuple(try sequence([.string(member.key), member.value])))
        }
        return pairs
    }

    private func call(
        _ name: String, of items: JinjaSequence, _ receiver: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        if name == "copy" {
            _ = try bind(arguments, [], required: 0, name)
            return receiver
        }
        let parameters = name == "index" ? ["value", "start", "stop"] : ["value"]
        let values = try bindUnnamed(arguments, parameters, required: 1, name)
        let wanted = values[0] ?? JinjaValue.none
        let bounds = name == "index" ? Array(values[1...]) : [nil, nil]
        let range = PythonString.bounds(
            try integer(bounds[0], name), try integer(bounds[1], name), count: items.elements.count)
        var count = 0
        for place in range ?? 0..<0 where try equal(items.elements[place], wanted) {
            if name == "index" { return .integer(place) }
            count += 1
        }
        if name == "count" { return .integer(count) }
        throw failure("the value is not in the list")
    }
}
