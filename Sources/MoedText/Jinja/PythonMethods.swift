/// Names of the methods of Python's types: a name that is none is a missing attribute, one that is but is not done
/// here is an error that says so.
enum PythonMethods {
    static let ofDictionary: Set<String> = ["copy", "get", "items", "keys", "values"]
    static let changingDictionary: Set<String> = [
        "clear", "fromkeys", "pop", "popitem", "setdefault", "update",
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
}

extension JinjaInterpreter {
    mutating func call(
        _ name: String, of receiver: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        switch receiver {
        case .string(let text): return try call(name, ofText: text, arguments)
        case .dictionary(let members): return try call(name, of: members, arguments)
        case .list(let items), .tuple(let items): return try call(name, of: items, receiver, arguments)
        case .loop(let loop):
            guard !arguments.positional.isEmpty, arguments.named.isEmpty else {
                throw failure("loop.cycle needs values to choose from")
            }
            return arguments.positional[loop.index % arguments.positional.count]
        default: throw failure("\(receiver.kind) has no method '\(name)'")
        }
    }

    private mutating func call(
        _ name: String, of members: JinjaDictionary, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        if name == "get" {
            let values = try bind(arguments, ["key", "default"], required: 1, "get")
            let fallback = values[1] ?? JinjaValue.none
            guard case .string(let key) = values[0] else { return fallback }
            return members[key] ?? fallback
        }
        _ = try bind(arguments, [], required: 0, name)
        switch name {
        case "copy": return .dictionary(members)
        case "keys": return try list(members.members.map { .string($0.key) })
        case "values": return try list(members.members.map(\.value))
        default: return try list(try pairs(of: members))
        }
    }

    mutating func pairs(of members: JinjaDictionary) throws(TextError) -> [JinjaValue] {
        var pairs: [JinjaValue] = []
        for member in members.members {
            pairs.append(.tuple(try sequence([.string(member.key), member.value])))
        }
        return pairs
    }

    private mutating func call(
        _ name: String, of items: JinjaSequence, _ receiver: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        if name == "copy" {
            _ = try bind(arguments, [], required: 0, name)
            return receiver
        }
        let wanted = try bind(arguments, ["value"], required: 1, name)[0] ?? JinjaValue.none
        var places: [Int] = []
        for (place, item) in items.elements.enumerated() where try equal(item, wanted) {
            places.append(place)
        }
        if name == "count" { return .integer(places.count) }
        guard let first = places.first else { throw failure("the value is not in the list") }
        return .integer(first)
    }
}
