/// How a JSON text is laid out.
package enum JSONStyle: Sendable {
    /// `{"a":1,"b":[2,3]}`: bodies, results, JSON lines.
    case compact
    /// `{"a": 1, "b": [2, 3]}`: the separators of Python's `json.dumps`, which chat templates' `tojson` uses.
    case spaced
}

extension JSONValue {
    /// The value as JSON text. Only what JSON demands is escaped (quotes, backslash, control characters).
    package func serialized(_ style: JSONStyle = .compact) -> String {
        var text = ""
        write(to: &text, style)
        return text
    }

    private func write(to text: inout String, _ style: JSONStyle) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .wideInteger(let digits): text += digits
        case .double(let value): text += value.isFinite ? value.description : "null"
        case .string(let value): Self.write(value, to: &text)
        case .array(let values):
            text += "["
            for (position, value) in values.enumerated() {
                if position > 0 { text += style == .compact ? "," : ", " }
                value.write(to: &text, style)
            }
            text += "]"
        case .object(let object):
            text += "{"
            for (position, member) in object.members.enumerated() {
                if position > 0 { text += style == .compact ? "," : ", " }
                Self.write(member.key, to: &text)
                text += style == .compact ? ":" : ": "
                member.value.write(to: &text, style)
            }
            text += "}"
        }
    }

    private static func write(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{08}": text += "\\b"
            case "\u{0C}": text += "\\f"
            case "\0"..<" ":
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
