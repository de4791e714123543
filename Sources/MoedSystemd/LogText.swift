/// Makes text from outside (a model's name, a database error, a job's label) harmless in a log.
enum LogText {
    /// Text on one line, with control characters escaped and a limit in UTF-8 bytes.
    ///
    /// C0 and C1 controls, the Unicode line and paragraph separators and the bidirectional overrides are escaped. They
    /// would forge a line or reverse one on the reader's terminal.
    static func oneLine(_ text: String, bytesMax: Int) -> String {
        var result = ""
        var bytes = 0
        for scalar in text.unicodeScalars {
            let piece = isHarmless(scalar) ? String(Character(scalar)) : escape(scalar)
            bytes += piece.utf8.count
            guard bytes <= bytesMax else { return result + "…" }
            result.unicodeScalars.append(contentsOf: piece.unicodeScalars)
        }
        return result
    }

    /// Text as a JSON string, cut to a limit in UTF-8 bytes. Whatever is harmful in a line is escaped.
    static func json(_ text: String, bytesMax: Int) -> String {
        var result = "\""
        var bytes = 0
        for scalar in text.unicodeScalars {
            let piece: String
            switch scalar {
            case "\"": piece = "\\\""
            case "\\": piece = "\\\\"
            case _ where isHarmless(scalar): piece = String(Character(scalar))
            default:
                let digits = String(scalar.value, radix: 16)
                piece = "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
            bytes += piece.utf8.count
            guard bytes <= bytesMax else { return result + "…\"" }
            result += piece
        }
        return result + "\""
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x2029, 0x202A...0x202E, 0x2066...0x2069: false
        default: true
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
}
