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

    func json(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError) -> JinjaValue {
        let values = try bind(
            arguments, ["ensure_ascii", "indent", "separators", "sort_keys"], required: 0, "tojson")
        var layout = JSONLayout(
            escapesNonASCII: values[0]?.isTrue ?? false, sortsKeys: values[3]?.isTrue ?? false,
            itemSeparator: ", ", keySeparator: ": ")
        switch values[1] {
        case nil, .some(.none): break
        case .some(.string(let text)): layout.indentation = text
        case .some(let other):
            guard let width = other.asInteger else {
                throw failure("'tojson' cannot indent by \(other.kind)")
            }
            try charge(bytes: width)
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

    /// Appends text that is paid for first.
    func append(_ piece: String, to text: inout String) throws(TextError) {
        try charge(bytes: piece.utf8.count)
        text += piece
    }

    private func write(
        _ value: JinjaValue, to text: inout String, _ layout: JSONLayout, level: Int
    ) throws(TextError) {
        try charge(steps: 1)
        switch value {
        case .none: try append("null", to: &text)
        case .bool(let value): try append(value ? "true" : "false", to: &text)
        case .integer(let value): try append(String(value), to: &text)
        case .wideInteger(let digits): try append(digits, to: &text)
        case .float(let value):
            let special = value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
            try append(value.isFinite ? PythonText.float(value) : special, to: &text)
        case .string(let value): try write(quoted: value, to: &text, layout)
        case .list(let items), .tuple(let items):
            try append("[", to: &text)
            for (position, item) in items.elements.enumerated() {
                try begin(position, in: &text, layout, level: level + 1)
                try write(item, to: &text, layout, level: level + 1)
            }
            if !items.elements.isEmpty { try line(in: &text, layout, level: level) }
            try append("]", to: &text)
        case .dictionary(let dictionary):
            var members = dictionary.members
            if layout.sortsKeys {
                try charge(elements: members.count)
                members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            }
            try append("{", to: &text)
            for (position, member) in members.enumerated() {
                try begin(position, in: &text, layout, level: level + 1)
                try write(quoted: member.key, to: &text, layout)
                try append(layout.keySeparator, to: &text)
                try write(member.value, to: &text, layout, level: level + 1)
            }
            if !members.isEmpty { try line(in: &text, layout, level: level) }
            try append("}", to: &text)
        case .undefined(let name): throw failure("\(name) is undefined and has no JSON")
        case .safeText: throw unsupported("'tojson' after the filter 'safe'")
        case .view, .namespace, .generator, .loop, .macro, .function, .method:
            throw failure("\(value.kind) has no JSON")
        }
    }

    private func write(quoted value: String, to text: inout String, _ layout: JSONLayout) throws(TextError) {
        try charge(reading: value.utf8.count)
        try charge(bytes: Self.quotedBytesMax(value, escapesNonASCII: layout.escapesNonASCII))
        JSONValue.write(quoted: value, to: &text, escapesNonASCII: layout.escapesNonASCII)
    }

    /// The most bytes that a string takes in quotes: an escape has six bytes, and replaces two of UTF-8 or more.
    private static func quotedBytesMax(_ text: String, escapesNonASCII: Bool) -> Int {
        text.utf8.reduce(2) { bytes, byte in
            switch byte {
            case 0..<0x20, 0x7F: bytes + 6
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes + 2
            case 0x80...: bytes + (escapesNonASCII ? 3 : 1)
            default: bytes + 1
            }
        }
    }

    private func begin(
        _ position: Int, in text: inout String, _ layout: JSONLayout, level: Int
    ) throws(TextError) {
        if position > 0 { try append(layout.itemSeparator, to: &text) }
        try line(in: &text, layout, level: level)
    }

    private func line(in text: inout String, _ layout: JSONLayout, level: Int) throws(TextError) {
        guard let indentation = layout.indentation else { return }
        try charge(bytes: indentation.utf8.count, times: level)
        try append("\n", to: &text)
        for _ in 0..<level { text += indentation }
    }
}
