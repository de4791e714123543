/// Filters that look at one value.
extension JinjaInterpreter {
    func filter(_ value: JinjaValue, _ call: JinjaFilterCall) throws(TextError) -> JinjaValue {
        let arguments = try evaluate(call.arguments)
        return try filter(value, call.filter, arguments)
    }

    func filter(
        _ value: JinjaValue, _ filter: JinjaFilter, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        try charge(steps: 1)
        if case .safeText = value, ![.safe, .string, .default, .d].contains(filter) {
            throw unsupported("the filter '\(filter.rawValue)' after 'safe'")
        }
        switch filter {
        case .default, .d: return try fallback(value, arguments)
        case .tojson: return try json(value, arguments)
        case .items: return try items(of: value, arguments)
        case .attr:
            let name = try text(try bind(arguments, ["name"], required: 1, "attr")[0], "attr")
            // Unlike `value.name`, this never takes a dictionary's member.
            guard !name.hasPrefix("_") else { return .undefined("'\(name)' of \(value.kind)") }
            if case .dictionary = value, !PythonMethods.ofDictionary.contains(name) {
                return .undefined("'\(name)' of a dictionary")
            }
            return try attribute(name, of: value)
        case .replace:
            let values = try bind(arguments, ["old", "new", "count"], required: 2, "replace")
            let old = try text(of: values[0] ?? JinjaValue.none)
            let new = try text(of: values[1] ?? JinjaValue.none)
            var count = values[2]
            if case .some(.none) = count { count = nil }
            return try replaced(
                try text(of: value), old, with: new, replacementsMax: try integer(count, "replace") ?? -1)
        case .trim:
            let characters = try bind(arguments, ["chars"], required: 0, "trim")[0]
            let text = try text(of: value)
            try charge(bytes: text.utf8.count)
            return .string(PythonString.strip(text, try optionalText(characters, "trim")))
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
    private func plain(_ value: JinjaValue, _ filter: JinjaFilter) throws(TextError) -> JinjaValue {
        if filter == .abs {
            if case .float(let number) = value { return .float(number.magnitude) }
            if case .wideInteger(let digits) = value {
                return .wideInteger(digits.hasPrefix("-") ? String(digits.dropFirst()) : digits)
            }
            guard let number = value.asInteger else {
                throw failure("'abs' needs a number, not \(value.kind)")
            }
            return number < 0 ? try negated(value) : .integer(number)
        }
        let text = try text(of: value)
        if filter == .safe { return .safeText(text) }
        if filter == .string {
            if case .safeText = value { return value }
            return .string(text)
        }
        try charge(bytes: PythonCase.growthMax, times: text.utf8.count)
        switch filter {
        case .upper: return .string(PythonCase.upper(text))
        case .lower: return .string(PythonCase.lower(text))
        case .capitalize: return .string(PythonCase.capitalized(text))
        default: return .string(PythonCase.words(text))
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

    private func items(
        of value: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        _ = try bind(arguments, [], required: 0, "items")
        switch value {
        case .undefined: return try generator([])
        case .dictionary(let members): return try generator(try pairs(of: members))
        default: throw failure("'items' needs a dictionary, not \(value.kind)")
        }
    }

    private func indented(
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
            let width = max(0, try integer(values[0], "indent") ?? 4)
            try charge(bytes: width)
            indentation = String(repeating: " ", count: width)
        }
        try charge(bytes: text.utf8.count)
        try charge(bytes: MemoryLayout<String>.stride, times: PythonString.lineBreaks(text) + 1)
        let lines = PythonString.lines(text + "\n")
        try charge(bytes: indentation.utf8.count, times: lines.count)
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

    /// The filters `int` and `float`: values that cannot be read as a number become the default.
    private func number(
        _ value: JinjaValue, _ filter: JinjaFilter, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        let parameters = filter == .int ? ["default", "base"] : ["default"]
        let values = try bind(arguments, parameters, required: 0, filter.rawValue)
        let text = value.asString
        try charge(reading: (text?.utf8.count ?? 0) * 4)
        if case .undefined(let name) = value { throw failure("\(name) is undefined") }
        if filter == .float {
            var number = value.asNumber ?? text.flatMap(PythonNumber.double(in:))
            if case .wideInteger(let digits) = value { number = try float(ofDigits: digits) }
            return number.map { .float($0) } ?? values[0] ?? .float(0)
        }
        if let integer = value.asInteger { return .integer(integer) }
        if case .wideInteger = value { return value }
        if let text {
            let base = try integer(values[1], "int") ?? 10
            if base == 0 || (2...36).contains(base) {
                switch PythonNumber.integer(in: text, base: base) {
                case .value(let integer): return .integer(integer)
                case .tooLarge: throw failure("an integer beyond 64 bits")
                case .none: break
                }
            }
        }
        guard let number = value.asNumber ?? text.flatMap(PythonNumber.double(in:)), number.isFinite else {
            if case .float(let number) = value, number.isInfinite { throw failure("infinity is no integer") }
            return values[0] ?? .integer(0)
        }
        guard let integer = Int(exactly: number.rounded(.towardZero)) else {
            throw failure("an integer beyond 64 bits")
        }
        return .integer(integer)
    }

    private func float(ofDigits digits: String) throws(TextError) -> Double {
        guard let number = Double(digits), number.isFinite else { throw failure("an integer beyond a float") }
        return number
    }
}
