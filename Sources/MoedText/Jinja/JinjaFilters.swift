/// Filters that look at one value.
extension JinjaInterpreter {
    mutating func filter(_ value: JinjaValue, _ call: JinjaFilterCall) throws(TextError) -> JinjaValue {
        let arguments = try evaluate(call.arguments)
        return try filter(value, call.filter, arguments)
    }

    mutating func filter(
        _ value: JinjaValue, _ filter: JinjaFilter, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        try charge(steps: 1)
        switch filter {
        case .default, .d: return try fallback(value, arguments)
        case .tojson: return try json(value, arguments)
        case .items: return try items(of: value, arguments)
        case .attr:
            let name = try text(try bind(arguments, ["name"], required: 1, "attr")[0], "attr")
            // Unlike `value.name`, this never takes a dictionary's member.
            if case .dictionary = value, !PythonMethods.ofDictionary.contains(name) {
                return .undefined("'\(name)' of a dictionary")
            }
            return try attribute(name, of: value)
        case .replace:
            let values = try bind(arguments, ["old", "new", "count"], required: 2, "replace")
            let old = try text(of: values[0] ?? JinjaValue.none)
            let new = try text(of: values[1] ?? JinjaValue.none)
            return try replaced(
                try text(of: value), old, with: new, replacementsMax: values[2]?.asInteger ?? -1)
        case .trim:
            let characters = try bind(arguments, ["chars"], required: 0, "trim")[0]
            let text = try text(of: value)
            try charge(bytes: text.utf8.count)
            return .string(PythonString.strip(text, characters?.asString))
        case .indent: return try indented(value, arguments)
        case .int, .float: return try number(value, filter, arguments)
        case .first, .last, .length, .count, .list, .reverse, .join, .sum, .min, .max, .sort, .unique,
            .dictsort,
            .map, .select, .reject, .selectattr, .rejectattr:
            return try collectionFilter(value, filter, arguments)
        case .abs, .string, .safe, .upper, .lower, .capitalize, .title:
            _ = try bind(arguments, [], required: 0, filter.rawValue)
            return try plain(value, filter)
        }
    }

    /// The filters without arguments.
    private mutating func plain(_ value: JinjaValue, _ filter: JinjaFilter) throws(TextError) -> JinjaValue {
        if filter == .abs {
            if case .float(let number) = value { return .float(number.magnitude) }
            guard let number = value.asInteger else {
                throw failure("'abs' needs a number, not \(value.kind)")
            }
            return number < 0 ? try negated(value) : .integer(number)
        }
        let text = try text(of: value)
        try charge(bytes: text.utf8.count)
        switch filter {
        case .upper: return .string(PythonCase.upper(text))
        case .lower: return .string(PythonCase.lower(text))
        case .capitalize: return .string(PythonCase.capitalized(text))
        case .title: return .string(PythonCase.words(text))
        // Nothing is escaped here, so `safe` has nothing to mark.
        default: return .string(text)
        }
    }

    private func fallback(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError) -> JinjaValue {
        let values = try bind(arguments, ["default_value", "boolean"], required: 0, "default")
        let replaced: Bool
        if case .undefined = value {
            replaced = true
        } else {
            replaced = values[1]?.isTrue == true && !value.isTrue
        }
        return replaced ? values[0] ?? .string("") : value
    }

    private mutating func items(
        of value: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        _ = try bind(arguments, [], required: 0, "items")
        switch value {
        case .undefined: return try generator([])
        case .dictionary(let members): return try generator(try pairs(of: members))
        default: throw failure("'items' needs a dictionary, not \(value.kind)")
        }
    }

    private mutating func indented(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        let values = try bind(arguments, ["width", "first", "blank"], required: 0, "indent")
        guard case .string(let text) = value else {
            throw failure("'indent' needs a string, not \(value.kind)")
        }
        let indentation: String
        if case .string(let given) = values[0] {
            indentation = given
        } else {
            let width = values[0]?.asInteger ?? 4
            try charge(bytes: width)
            indentation = String(repeating: " ", count: max(0, width))
        }
        let lines = PythonString.lines(text + "\n")
        try charge(bytes: try exact(lines.count.multipliedReportingOverflow(by: indentation.utf8.count)))
        try charge(bytes: text.utf8.count)
        let indentsFirst = values[1]?.isTrue ?? false
        let indentsBlank = values[2]?.isTrue ?? false
        var result = ""
        for (place, line) in lines.enumerated() {
            if place > 0 { result += "\n" }
            if place > 0 ? indentsBlank || !line.isEmpty : indentsFirst { result += indentation }
            result += line
        }
        return .string(result)
    }

    /// The filters `int` and `float`: what cannot be read as a number becomes the default.
    private func number(
        _ value: JinjaValue, _ filter: JinjaFilter, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        let fallback = try bind(arguments, ["default"], required: 0, filter.rawValue)[0]
        if case .undefined(let what) = value { throw failure("\(what) is undefined") }
        if filter == .float {
            let number = value.asNumber ?? value.asString.flatMap(Self.number(in:))
            return number.map { .float($0) } ?? fallback ?? .float(0)
        }
        if let integer = value.asInteger { return .integer(integer) }
        if let text = value.asString, let integer = Int(Self.digits(in: text)) { return .integer(integer) }
        guard let number = value.asNumber ?? value.asString.flatMap(Self.number(in:)), number.isFinite else {
            return fallback ?? .integer(0)
        }
        guard let integer = Int(exactly: number.rounded(.towardZero)) else {
            throw failure("an integer beyond 64 bits")
        }
        return .integer(integer)
    }

    private static func digits(in text: String) -> String { PythonString.strip(text, nil) }

    private static func number(in text: String) -> Double? {
        let text = digits(in: text)
        // Swift also reads hexadecimal floats, Python does not.
        return text.utf8.contains(where: { $0 | 0x20 == UInt8(ascii: "x") }) ? nil : Double(text)
    }
}
