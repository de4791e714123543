import MoedCore

/// The filter `tojson` as chat templates have it: Python's `json.dumps` with `ensure_ascii` off, no HTML escapes.
extension JinjaInterpreter {
    private struct JSONLayout {
        var escapesNonASCII: Bool
        var sortsKeys: Bool
        /// The text of one level; nil puts everything on one line.
        var indentation: String?
        var itemSeparator: String
        var keySeparator: String
    }

    mutating func json(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError) -> JinjaValue {
        let values = try bind(
            arguments, ["ensure_ascii", "indent", "separators", "sort_keys"], required: 0, "tojson")
        var layout = JSONLayout(
            escapesNonASCII: values[0]?.isTrue ?? false, sortsKeys: values[3]?.isTrue ?? false,
            itemSeparator: ", ", keySeparator: ": ")
        switch values[1] {
        case nil, .some(.none): break
        case .some(.string(let text)): layout.indentation = text
        case .some(let other):
            guard let width = other.asInteger, width <= 1000 else {
                throw failure("'tojson' cannot indent by \(other.kind)")
            }
            layout.indentation = String(repeating: " ", count: max(0, width))
        }
        if layout.indentation != nil { layout.itemSeparator = "," }
        if let separators = values[2], separators.isTrue {
            let pair = try elements(of: separators)
            guard pair.count == 2 else { throw failure("'tojson' needs two separators") }
            layout.itemSeparator = try text(pair[0], "tojson")
            layout.keySeparator = try text(pair[1], "tojson")
        }
        var text = ""
        try write(value, to: &text, layout, level: 0)
        return .string(text)
    }

    private mutating func write(
        _ value: JinjaValue, to text: inout String, _ layout: JSONLayout, level: Int
    ) throws(TextError) {
        let before = text.utf8.count
        switch value {
        case .none: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .wideInteger(let digits): text += digits
        case .float(let value):
            text +=
                value.isFinite
                ? PythonText.float(value) : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
        case .string(let value):
            JSONValue.write(quoted: value, to: &text, escapesNonASCII: layout.escapesNonASCII)
        case .list(let items), .tuple(let items):
            text += "["
            for (position, item) in items.elements.enumerated() {
                try begin(position, in: &text, layout, level: level + 1)
                try write(item, to: &text, layout, level: level + 1)
            }
            if !items.elements.isEmpty { try line(in: &text, layout, level: level) }
            text += "]"
        case .dictionary(let dictionary):
            var members = dictionary.members
            if layout.sortsKeys { members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }
            text += "{"
            for (position, member) in members.enumerated() {
                try begin(position, in: &text, layout, level: level + 1)
                JSONValue.write(quoted: member.key, to: &text, escapesNonASCII: layout.escapesNonASCII)
                text += layout.keySeparator
                try write(member.value, to: &text, layout, level: level + 1)
            }
            if !members.isEmpty { try line(in: &text, layout, level: level) }
            text += "}"
        case .undefined(let what): throw failure("\(what) is undefined and has no JSON")
        case .namespace, .generator, .loop, .macro, .function, .method:
            throw failure("\(value.kind) has no JSON")
        }
        try charge(bytes: text.utf8.count - before)
    }

    private mutating func begin(
        _ position: Int, in text: inout String, _ layout: JSONLayout, level: Int
    ) throws(TextError) {
        if position > 0 { text += layout.itemSeparator }
        try line(in: &text, layout, level: level)
    }

    private mutating func line(in text: inout String, _ layout: JSONLayout, level: Int) throws(TextError) {
        guard let indentation = layout.indentation else { return }
        try charge(bytes: try exact(level.multipliedReportingOverflow(by: indentation.utf8.count)))
        text += "\n"
        for _ in 0..<level { text += indentation }
    }
}
