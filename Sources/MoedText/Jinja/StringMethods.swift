/// The methods of strings.
extension JinjaInterpreter {
    mutating func call(
        _ name: String, ofText text: String, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        try charge(bytes: text.utf8.count)
        switch name {
        case "strip", "lstrip", "rstrip":
            let characters = try optionalText(try bind(arguments, ["chars"], required: 0, name)[0], name)
            return .string(
                PythonString.strip(text, characters, start: name != "rstrip", end: name != "lstrip"))
        case "split", "rsplit": return try split(text, arguments, name)
        case "splitlines":
            let keepEnds = try bind(arguments, ["keepends"], required: 0, name)[0]?.isTrue ?? false
            return try list(PythonString.lines(text, keepEnds: keepEnds).map { .string($0) })
        case "partition", "rpartition": return try partition(text, arguments, name)
        case "startswith", "endswith": return .bool(try hasAffix(text, arguments, name))
        case "removeprefix", "removesuffix": return .string(try removingAffix(text, arguments, name))
        case "replace": return try replace(text, arguments)
        case "find", "rfind", "index", "rindex": return try find(text, arguments, name)
        case "count":
            let part = try self.text(try bind(arguments, ["sub"], required: 1, name)[0], name)
            if part.isEmpty { return .integer(text.unicodeScalars.count + 1) }
            return .integer(PythonString.matches(of: Array(part.utf8), in: Array(text.utf8), max: .max).count)
        case "join":
            let parts = try elements(
                of: try bind(arguments, ["iterable"], required: 1, name)[0] ?? JinjaValue.none)
            var texts: [String] = []
            for part in parts { texts.append(try self.text(part, name)) }
            return try joined(texts, by: text)
        case "ljust", "rjust", "center", "zfill": return try padded(text, arguments, name)
        default:
            _ = try bind(arguments, [], required: 0, name)
            return try changedOrTested(text, name)
        }
    }

    /// The methods without arguments.
    private func changedOrTested(_ text: String, _ name: String) throws(TextError) -> JinjaValue {
        func all(_ test: (Unicode.Scalar) -> Bool) -> JinjaValue {
            .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(test))
        }
        switch name {
        case "upper": return .string(PythonCase.upper(text))
        case "lower": return .string(PythonCase.lower(text))
        case "capitalize": return .string(PythonCase.capitalized(text))
        case "title": return .string(PythonCase.titled(text))
        case "isupper": return .bool(PythonCase.isAll(upper: true, text))
        case "islower": return .bool(PythonCase.isAll(upper: false, text))
        case "isspace": return all(\.isPythonSpace)
        case "isascii": return .bool(text.utf8.allSatisfy { $0 < 0x80 })
        case "isdecimal": return all { $0.properties.generalCategory == .decimalNumber }
        case "isdigit": return all { [.decimal, .digit].contains($0.properties.numericType) }
        case "isnumeric": return all { $0.properties.numericType != nil }
        case "isalpha": return all(\.isPythonLetter)
        case "isalnum": return all { $0.isPythonLetter || $0.properties.numericType != nil }
        default:
            throw TextError(
                .unsupported, file: file, place: "line \(line)",
                "the string method '\(name)' is not supported")
        }
    }

    // MARK: Arguments

    func text(_ value: JinjaValue?, _ callee: String) throws(TextError) -> String {
        guard case .string(let text) = value else {
            throw failure("'\(callee)' needs a string, not \(value?.kind ?? "nothing")")
        }
        return text
    }

    /// nil when the argument is left out or None.
    private func optionalText(_ value: JinjaValue?, _ callee: String) throws(TextError) -> String? {
        switch value {
        case nil, .some(.none): return nil
        default: return try text(value, callee)
        }
    }

    private func integer(_ value: JinjaValue?, _ callee: String) throws(TextError) -> Int? {
        guard let value else { return nil }
        guard let integer = value.asInteger else {
            throw failure("'\(callee)' needs an integer, not \(value.kind)")
        }
        return integer
    }

    mutating func joined(_ texts: [String], by separator: String) throws(TextError) -> JinjaValue {
        let separators = max(0, texts.count - 1).multipliedReportingOverflow(by: separator.utf8.count)
        try charge(bytes: try exact(separators))
        try charge(bytes: texts.reduce(0) { $0 + $1.utf8.count })
        return .string(texts.joined(separator: separator))
    }

    // MARK: Methods

    private mutating func split(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let values = try bind(arguments, ["sep", "maxsplit"], required: 0, name)
        let splitsMax = try integer(values[1], name) ?? -1
        let isFromEnd = name == "rsplit"
        let pieces: [String]
        if let separator = try optionalText(values[0], name) {
            guard !separator.isEmpty else { throw failure("'\(name)' with an empty separator") }
            pieces = PythonString.split(text, by: separator, splitsMax: splitsMax, fromEnd: isFromEnd)
        } else {
            pieces = PythonString.split(text, splitsMax: splitsMax, fromEnd: isFromEnd)
        }
        return try list(pieces.map { .string($0) })
    }

    private mutating func partition(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let separator = try self.text(try bind(arguments, ["sep"], required: 1, name)[0], name)
        guard !separator.isEmpty else { throw failure("'\(name)' with an empty separator") }
        let isFromEnd = name == "rpartition"
        let pieces = PythonString.split(text, by: separator, splitsMax: 1, fromEnd: isFromEnd)
        let parts =
            pieces.count == 2
            ? [pieces[0], separator, pieces[1]] : isFromEnd ? ["", "", text] : [text, "", ""]
        return .tuple(try sequence(parts.map { .string($0) }))
    }

    private func hasAffix(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> Bool {
        let affix = try bind(arguments, [name == "startswith" ? "prefix" : "suffix"], required: 1, name)[0]
        var candidates: [JinjaValue?] = [affix]
        if case .tuple(let items) = affix { candidates = items.elements }
        for candidate in candidates {
            let candidate = try self.text(candidate, name)
            let isFound =
                name == "startswith"
                ? text.utf8.starts(with: candidate.utf8)
                : text.utf8.suffix(candidate.utf8.count).elementsEqual(candidate.utf8)
            if isFound { return true }
        }
        return false
    }

    private func removingAffix(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> String {
        let affix = try self.text(try bind(arguments, ["affix"], required: 1, name)[0], name)
        if name == "removeprefix" {
            guard text.utf8.starts(with: affix.utf8) else { return text }
            return String(text.unicodeScalars.dropFirst(affix.unicodeScalars.count))
        }
        guard text.utf8.suffix(affix.utf8.count).elementsEqual(affix.utf8) else { return text }
        return String(text.unicodeScalars.dropLast(affix.unicodeScalars.count))
    }

    private mutating func replace(_ text: String, _ arguments: JinjaArguments) throws(TextError) -> JinjaValue
    {
        let values = try bind(arguments, ["old", "new", "count"], required: 2, "replace")
        return try replaced(
            text, try self.text(values[0], "replace"), with: try self.text(values[1], "replace"),
            replacementsMax: try integer(values[2], "replace") ?? -1)
    }

    mutating func replaced(
        _ text: String, _ old: String, with new: String, replacementsMax: Int
    ) throws(TextError) -> JinjaValue {
        var count =
            old.isEmpty
            ? text.unicodeScalars.count + 1
            : PythonString.matches(of: Array(old.utf8), in: Array(text.utf8), max: .max).count
        if replacementsMax >= 0 { count = min(count, replacementsMax) }
        let growth = max(0, new.utf8.count - old.utf8.count)
        try charge(bytes: try exact(count.multipliedReportingOverflow(by: growth)))
        try charge(bytes: text.utf8.count)
        return .string(PythonString.replace(text, old, with: new, replacementsMax: replacementsMax))
    }

    /// Positions are counted in code points.
    private func find(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let part = try self.text(try bind(arguments, ["sub"], required: 1, name)[0], name)
        guard let place = PythonString.find(part, in: text, fromEnd: name.hasPrefix("r")) else {
            if name.hasSuffix("index") { throw failure("'\(name)': the text is not found") }
            return .integer(-1)
        }
        return .integer(String(decoding: text.utf8.prefix(place), as: UTF8.self).unicodeScalars.count)
    }

    private mutating func padded(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let values = try bind(
            arguments, name == "zfill" ? ["width"] : ["width", "fillchar"], required: 1, name)
        let width = try integer(values[0], name) ?? 0
        let given = try optionalText(values.count > 1 ? values[1] : nil, name)
        let fill = name == "zfill" ? "0" : given ?? " "
        let missing = width - text.unicodeScalars.count
        guard missing > 0 else { return .string(text) }
        guard fill.unicodeScalars.count == 1 else {
            throw failure("'\(name)' needs one character to fill with")
        }
        try charge(bytes: try exact(missing.multipliedReportingOverflow(by: fill.utf8.count)))
        func filling(_ count: Int) -> String { String(repeating: fill, count: count) }
        switch name {
        case "ljust": return .string(text + filling(missing))
        case "rjust": return .string(filling(missing) + text)
        case "zfill":
            let sign = text.unicodeScalars.first.map { $0 == "-" || $0 == "+" ? String($0) : "" } ?? ""
            return .string(
                sign + filling(missing) + String(text.unicodeScalars.dropFirst(sign.isEmpty ? 0 : 1)))
        default:
            // The odd character goes where Python puts it.
            let left = missing / 2 + (missing & width & 1)
            return .string(filling(left) + text + filling(missing - left))
        }
    }
}

extension Unicode.Scalar {
    /// `str.isalpha` of one character.
    fileprivate var isPythonLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }
}
