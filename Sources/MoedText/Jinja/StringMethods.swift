/// The methods of strings.
extension JinjaInterpreter {
    func call(
        _ name: String, ofText text: String, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        try charge(reading: text.utf8.count)
        switch name {
        case "strip", "lstrip", "rstrip":
            let values = try bindUnnamed(arguments, ["chars"], required: 0, name)
            let characters = try optionalText(values[0], name)
            try charge(bytes: text.utf8.count)
            return .string(
                PythonString.strip(text, characters, start: name != "rstrip", end: name != "lstrip"))
        case "split", "rsplit": return try split(text, arguments, name)
        case "splitlines":
            let keepEnds = try bind(arguments, ["keepends"], required: 0, name)[0]?.isTrue ?? false
            try charge(bytes: text.utf8.count)
            try charge(pieces: PythonString.lineBreaks(text) + 1)
            return try list(PythonString.lines(text, keepEnds: keepEnds).map { .string($0) }, isPaid: true)
        case "partition", "rpartition": return try partition(text, arguments, name)
        case "startswith", "endswith": return .bool(try hasAffix(text, arguments, name))
        case "removeprefix", "removesuffix": return .string(try removingAffix(text, arguments, name))
        case "replace":
            let values = try bindUnnamed(arguments, ["old", "new", "count"], required: 2, name)
            return try replaced(
                text, try self.text(values[0], name), with: try self.text(values[1], name),
                replacementsMax: try integer(values[2], name) ?? -1)
        case "find", "rfind", "index", "rindex", "count": return try find(text, arguments, name)
        case "join":
            let values = try bindUnnamed(arguments, ["iterable"], required: 1, name)
            let parts = try elements(of: values[0] ?? JinjaValue.none)
            var texts: [String] = []
            for part in parts {
                try charge(bytes: MemoryLayout<String>.stride)
                texts.append(try self.text(part, name))
            }
            return try joined(texts, by: text)
        case "ljust", "rjust", "center", "zfill": return try padded(text, arguments, name)
        default:
            guard !PythonMethods.missingOfString.contains(name) else {
                throw unsupported("the string method '\(name)'")
            }
            _ = try bind(arguments, [], required: 0, name)
            try charge(bytes: PythonCase.growthMax, times: text.utf8.count)
            return changedOrTested(text, name)
        }
    }

    /// The methods without arguments.
    private func changedOrTested(_ text: String, _ name: String) -> JinjaValue {
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
        default: return all { $0.isPythonLetter || $0.properties.numericType != nil }
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
    func optionalText(_ value: JinjaValue?, _ callee: String) throws(TextError) -> String? {
        switch value {
        case nil, .some(.none): return nil
        default: return try text(value, callee)
        }
    }

    func integer(_ value: JinjaValue?, _ callee: String) throws(TextError) -> Int? {
        guard let value else { return nil }
        guard let integer = value.asInteger else {
            throw failure("'\(callee)' needs an integer, not \(value.kind)")
        }
        return integer
    }

    // MARK: Texts that grow

    func joined(_ texts: [String], by separator: String) throws(TextError) -> JinjaValue {
        try charge(bytes: separator.utf8.count, times: texts.count - 1)
        for text in texts { try charge(bytes: text.utf8.count) }
        return .string(texts.joined(separator: separator))
    }

    func replaced(
        _ text: String, _ old: String, with new: String, replacementsMax: Int
    ) throws(TextError) -> JinjaValue {
        try charge(bytes: text.utf8.count)
        try charge(bytes: MemoryLayout<Int>.stride, times: old.utf8.count)
        var count = PythonString.count(old, in: text)
        if replacementsMax >= 0 { count = min(count, replacementsMax) }
        try charge(bytes: new.utf8.count + 2 * MemoryLayout<String>.stride, times: count)
        return .string(PythonString.replace(text, old, with: new, replacementsMax: replacementsMax))
    }

    private func padded(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let parameters = name == "zfill" ? ["width"] : ["width", "fillchar"]
        let values = try bindUnnamed(arguments, parameters, required: 1, name)
        let width = try integer(values[0], name) ?? 0
        let given =
            try values.count > 1
            ? values[1].map { (fill) throws(TextError) in try self.text(fill, name) } : nil
        let fill = name == "zfill" ? "0" : given ?? " "
        guard fill.unicodeScalars.count == 1 else {
            throw failure("'\(name)' needs one character to fill with")
        }
        let count = text.unicodeScalars.count
        guard width > count else { return .string(text) }
        let missing = width - count
        try charge(bytes: fill.utf8.count, times: missing)
        try charge(bytes: text.utf8.count)
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
