/// How Python spells numbers and strings.
enum PythonText {
    /// `repr` of a float: the shortest digits that read back, in exponent form below 1e-4 and from 1e16 on.
    static func float(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        let (isNegative, digits, point) = shortestDigits(value)
        let count = digits.count
        var text = isNegative ? "-" : ""
        if (-3...16).contains(point) {
            if point <= 0 {
                text += "0." + String(repeating: "0", count: -point) + digits
            } else if point >= count {
                text += digits + String(repeating: "0", count: point - count) + ".0"
            } else {
                text += digits.prefix(point) + "." + digits.dropFirst(point)
            }
            return text
        }
        let exponent = point - 1
        text += digits.prefix(1)
        if count > 1 { text += "." + digits.dropFirst() }
        text += exponent < 0 ? "e-" : "e+"
        if abs(exponent) < 10 { text += "0" }
        return text + String(abs(exponent))
    }

    /// The value is 0.DIGITS × 10^point; zero is 0.0 × 10^1.
    private static func shortestDigits(_ value: Double) -> (isNegative: Bool, digits: String, point: Int) {
        // Swift's description has the same shortest digits; only its layout differs from Python's.
        var isNegative = false
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        let text = Array(value.description.utf8)
        for (place, byte) in text.enumerated() {
            if byte == UInt8(ascii: "-") {
                isNegative = true
            } else if byte == UInt8(ascii: ".") {
                point = digits.count
            } else if byte == UInt8(ascii: "e") {
                exponent = Int(String(decoding: text[(place + 1)...], as: UTF8.self)) ?? 0
                break
            } else {
                digits.append(byte)
            }
        }
        var start = (point ?? digits.count) + exponent
        while digits.count > 1, digits[0] == UInt8(ascii: "0") {
            digits.removeFirst()
            start -= 1
        }
        while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return (
            isNegative, String(decoding: digits, as: UTF8.self), digits == [UInt8(ascii: "0")] ? 1 : start
        )
    }

    /// `repr` of a string: in single quotes unless only the other kind saves escapes.
    static func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar =
            text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
        var quoted = String.UnicodeScalarView([quote])
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", quote: quoted.append(contentsOf: ["\\", scalar])
            case "\n": quoted.append(contentsOf: "\\n".unicodeScalars)
            case "\r": quoted.append(contentsOf: "\\r".unicodeScalars)
            case "\t": quoted.append(contentsOf: "\\t".unicodeScalars)
            case _ where scalar.isPythonPrintable: quoted.append(scalar)
            case _ where scalar.value <= 0xFF:
                quoted.append(contentsOf: ("\\x" + hex(scalar.value, digits: 2)).unicodeScalars)
            case _ where scalar.value <= 0xFFFF:
                quoted.append(contentsOf: ("\\u" + hex(scalar.value, digits: 4)).unicodeScalars)
            default: quoted.append(contentsOf: ("\\U" + hex(scalar.value, digits: 8)).unicodeScalars)
            }
        }
        quoted.append(quote)
        return String(quoted)
    }

    static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

extension JinjaInterpreter {
    /// Python's `str(value)`.
    mutating func text(of value: JinjaValue) throws(TextError) -> String {
        switch value {
        case .undefined: return ""
        case .string(let text): return text
        default:
            var text = ""
            try write(value, to: &text)
            return text
        }
    }

    /// Python's `repr(value)`, which is also how elements of lists are printed.
    private mutating func write(_ value: JinjaValue, to text: inout String) throws(TextError) {
        let before = text.utf8.count
        switch value {
        case .undefined: text += "Undefined"
        case .none: text += "None"
        case .bool(let value): text += value ? "True" : "False"
        case .integer(let value): text += String(value)
        case .wideInteger(let digits): text += digits
        case .float(let value): text += PythonText.float(value)
        case .string(let value): text += PythonText.quoted(value)
        case .list(let items):
            text += "["
            try write(items.elements, to: &text)
            text += "]"
        case .tuple(let items):
            text += "("
            try write(items.elements, to: &text)
            text += items.elements.count == 1 ? ",)" : ")"
        case .dictionary(let dictionary):
            text += "{"
            for (position, member) in dictionary.members.enumerated() {
                if position > 0 { text += ", " }
                text += PythonText.quoted(member.key) + ": "
                try write(member.value, to: &text)
            }
            text += "}"
        case .namespace, .generator, .loop, .macro, .function, .method:
            throw failure("\(value.kind) cannot be printed")
        }
        try charge(bytes: text.utf8.count - before)
    }

    private mutating func write(_ values: [JinjaValue], to text: inout String) throws(TextError) {
        for (position, value) in values.enumerated() {
            if position > 0 { text += ", " }
            try write(value, to: &text)
        }
    }
}
