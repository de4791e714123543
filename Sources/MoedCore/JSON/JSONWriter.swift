/// Layout of a JSON text.
package enum JSONStyle: Sendable {
    /// `{"a":1,"b":[2,3]}`: bodies, results, JSON lines.
    case compact
    /// `{"a": 1, "b": [2, 3]}`: the separators of Python's `json.dumps`, which chat templates' `tojson` uses.
    case spaced
}

extension JSONValue {
    /// The value as JSON text. Only characters that JSON requires are escaped (quotes, backslash, control characters).
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
        case .string(let value): Self.write(quoted: value, to: &text)
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
                Self.write(quoted: member.key, to: &text)
                text += style == .compact ? ":" : ": "
                member.value.write(to: &text, style)
            }
            text += "}"
        }
    }

    /// Appends a text as a JSON string.
    ///
    /// - Parameter escapesNonASCII: writes everything from U+007F on as `\u` escapes, as Python does by default.
    package static func write(quoted value: String, to text: inout String, escapesNonASCII: Bool = false) {
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
            case "\0"..<" ": text += escape(UInt16(scalar.value))
            case _ where escapesNonASCII && scalar.value >= 0x7F:
                for unit in UTF16.encode(scalar) ?? UTF16.EncodedScalar() { text += escape(unit) }
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let hex = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    }
}
