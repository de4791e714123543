/// Python's spelling of numbers and strings.
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

    /// The most bytes that `quoted` writes: an escape has four bytes for each of UTF-8, or fewer.
    static func quotedBytesMax(_ text: String) -> Int {
        text.utf8.reduce(2) { bytes, byte in
            switch byte {
            case 0..<0x20, 0x7F...: bytes + 4
            case UInt8(ascii: "'"), UInt8(ascii: "\\"): bytes + 2
            default: bytes + 1
            }
        }
    }

    static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

extension JinjaInterpreter {
    /// Python's `str(value)`.
    func text(of value: JinjaValue) throws(TextError) -> String {
        switch value {
        case .undefined: return ""
        case .string(let text), .safeText(let text): return text
        default:
            var text = ""
            try write(value, to: &text)
            return text
        }
    }

    /// Python's `repr(value)`, which is also how elements of lists are printed.
    private func write(_ value: JinjaValue, to text: inout String) throws(TextError) {
        try charge(steps: 1)
        switch value {
        case .undefined: try append("Undefined", to: &text)
        case .none: try append("None", to: &text)
        case .bool(let value): try append(value ? "True" : "False", to: &text)
        case .integer(let value): try append(String(value), to: &text)
        case .wideInteger(let digits): try append(digits, to: &text)
        case .float(let value): try append(PythonText.float(value), to: &text)
        case .string(let value): try write(quoted: value, to: &text)
        case .list(let items): try write(items.elements, "[", "]", to: &text)
        case .tuple(let items):
            try write(items.elements, "(", items.elements.count == 1 ? ",)" : ")", to: &text)
        case .dictionary(let dictionary):
            try append("{", to: &text)
            for (position, member) in dictionary.members.enumerated() {
                if position > 0 { try append(", ", to: &text) }
                try write(quoted: member.key, to: &text)
                try append(": ", to: &text)
                try write(member.value, to: &text)
            }
            try append("}", to: &text)
        case .view(let view): try write(view, to: &text)
        case .safeText: throw unsupported("text marked as safe inside of a list")
        case .namespace(let index):
            // Namespaces can hold each other, and themselves.
            try enter(line: line)
            try append("<Namespace ", to: &text)
            try write(.dictionary(namespaces[index]), to: &text)
            try append(">", to: &text)
            leave()
        case .macro(let index): try append("<Macro '\(program.macros[index].name)'>", to: &text)
        case .loop(let loop):
            try append("<LoopContext \(loop.index + 1)/\(loop.items.elements.count)>", to: &text)
        case .generator, .function, .method: throw failure("\(value.kind) cannot be printed")
        }
    }

    private func write(_ view: JinjaView, to text: inout String) throws(TextError) {
        switch view.source {
        case .range(let start, let end, let step):
            try append("range(\(start), \(end)\(step == 1 ? "" : ", \(step)"))", to: &text)
        case .keys: try write(view.items.elements, "dict_keys([", "])", to: &text)
        case .values: try write(view.items.elements, "dict_values([", "])", to: &text)
        case .items: try write(view.items.elements, "dict_items([", "])", to: &text)
        }
    }

    private func write(
        _ values: [JinjaValue], _ opening: String, _ closing: String, to text: inout String
    ) throws(TextError) {
        try append(opening, to: &text)
        for (position, value) in values.enumerated() {
            if position > 0 { try append(", ", to: &text) }
            try write(value, to: &text)
        }
        try append(closing, to: &text)
    }

    private func write(quoted value: String, to text: inout String) throws(TextError) {
        try charge(reading: value.utf8.count)
        try charge(bytes: PythonText.quotedBytesMax(value))
        text += PythonText.quoted(value)
    }
}
