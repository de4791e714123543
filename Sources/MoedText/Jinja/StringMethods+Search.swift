/// The methods of strings that look for another text.
extension JinjaInterpreter {
    func split(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let values = try bind(arguments, ["sep", "maxsplit"], required: 0, name)
        let splitsMax = try integer(values[1], name) ?? -1
        let isFromEnd = name == "rsplit"
        try charge(bytes: text.utf8.count)
        let pieces: [String]
        if let separator = try optionalText(values[0], name) {
            guard !separator.isEmpty else { throw failure("'\(name)' with an empty separator") }
            try charge(bytes: MemoryLayout<Int>.stride, times: separator.utf8.count)
            try charge(pieces: PythonString.count(separator, in: text) + 1)
            pieces = PythonString.split(text, by: separator, splitsMax: splitsMax, fromEnd: isFromEnd)
        } else {
            try charge(pieces: PythonString.words(text))
            pieces = PythonString.split(text, splitsMax: splitsMax, fromEnd: isFromEnd)
        }
        return try list(pieces.map { .string($0) }, isPaid: true)
    }

    func partition(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let separator = try self.text(try bindUnnamed(arguments, ["sep"], required: 1, name)[0], name)
        guard !separator.isEmpty else { throw failure("'\(name)' with an empty separator") }
        try charge(bytes: text.utf8.count)
        try charge(bytes: MemoryLayout<Int>.stride, times: separator.utf8.count)
        let isFromEnd = name == "rpartition"
        let pieces = PythonString.split(text, by: separator, splitsMax: 1, fromEnd: isFromEnd)
        let parts =
            pieces.count == 2
            ? [pieces[0], separator, pieces[1]] : isFromEnd ? ["", "", text] : [text, "", ""]
        return .tuple(try sequence(parts.map { .string($0) }))
    }

    func hasAffix(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> Bool {
        let values = try bindUnnamed(arguments, ["affix", "start", "end"], required: 1, name)
        var candidates: [JinjaValue?] = [values[0]]
        if case .tuple(let items) = values[0] { candidates = items.elements }
        let window = try window(of: text, values[1], values[2], name)
        for candidate in candidates {
            let candidate = try self.text(candidate, name)
            try charge(steps: 1)
            try charge(reading: candidate.utf8.count)
            guard let part = window?.text.utf8 else { continue }
            let isFound =
                name == "startswith"
                ? part.starts(with: candidate.utf8)
                : part.suffix(candidate.utf8.count).elementsEqual(candidate.utf8)
            if isFound { return true }
        }
        return false
    }

    func removingAffix(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> String {
        let affix = try self.text(try bindUnnamed(arguments, ["affix"], required: 1, name)[0], name)
        try charge(bytes: text.utf8.count)
        if name == "removeprefix" {
            guard text.utf8.starts(with: affix.utf8) else { return text }
            return String(text.unicodeScalars.dropFirst(affix.unicodeScalars.count))
        }
        guard text.utf8.suffix(affix.utf8.count).elementsEqual(affix.utf8) else { return text }
        return String(text.unicodeScalars.dropLast(affix.unicodeScalars.count))
    }

    /// `find`, `index`, their twins from the right, and `count`. Positions are counted in code points.
    func find(
        _ text: String, _ arguments: JinjaArguments, _ name: String
    ) throws(TextError) -> JinjaValue {
        let values = try bindUnnamed(arguments, ["sub", "start", "end"], required: 1, name)
        let part = try self.text(values[0], name)
        try charge(bytes: text.utf8.count + part.utf8.count * MemoryLayout<Int>.stride)
        let window = try window(of: text, values[1], values[2], name)
        if name == "count" { return .integer(window.map { PythonString.count(part, in: $0.text) } ?? 0) }
        guard let window, let place = PythonString.find(part, in: window.text, fromEnd: name.hasPrefix("r"))
        else {
            if name.hasSuffix("index") { throw failure("'\(name)': the text is not found") }
            return .integer(-1)
        }
        let before = String(decoding: window.text.utf8.prefix(place), as: UTF8.self)
        return .integer(window.start + before.unicodeScalars.count)
    }

    /// The part of a text from code point `start` to `end`; nil when it begins after its end.
    private func window(
        of text: String, _ start: JinjaValue?, _ end: JinjaValue?, _ callee: String
    ) throws(TextError) -> (text: String, start: Int)? {
        let bounds = try (optionalInteger(start, callee), optionalInteger(end, callee))
        if bounds == (nil, nil) { return (text, 0) }
        let scalars = text.unicodeScalars
        guard let range = PythonString.bounds(bounds.0, bounds.1, count: scalars.count) else { return nil }
        try charge(bytes: text.utf8.count)
        let from = scalars.index(scalars.startIndex, offsetBy: range.lowerBound)
        let to = scalars.index(from, offsetBy: range.count)
        return (String(scalars[from..<to]), range.lowerBound)
    }

    private func optionalInteger(_ value: JinjaValue?, _ callee: String) throws(TextError) -> Int? {
        if case .some(.none) = value { return nil }
        return try integer(value, callee)
    }
}
