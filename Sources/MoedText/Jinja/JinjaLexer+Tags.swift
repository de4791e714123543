/// The insides of `{{ … }}` and `{% … %}`.
extension JinjaLexer {
    /// Longest first: the first that matches is taken.
    private static let symbols = [
        "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}", "=",
        "<", ">", ".", ":", "|", ",", ";",
    ].map { Array($0.unicodeScalars) }

    mutating func tag(_ begin: JinjaToken.Kind, _ end: JinjaToken.Kind) throws(TextError) {
        let start = line
        append(begin)
        /// The brackets still to be closed: inside them `}}` and `%}` do not end the tag.
        var closers: [Unicode.Scalar] = []
        while true {
            skipSpace()
            guard at < text.count else { throw error("the tag is not closed", line: start) }
            if closers.isEmpty, closes(end) { return }
            let scalar = text[at]
            if scalar.isDecimalDigitASCII {
                try number()
            } else if scalar.isNameStart {
                var place = at + 1
                while place < text.count, text[place].isNamePart { place += 1 }
                append(.name(String(scalars: text[at..<place])))
                advance(to: place)
            } else if scalar == "'" || scalar == "\"" {
                try string(quote: scalar)
            } else {
                try symbol(&closers)
            }
        }
    }

    /// Consumes the end of the tag when it is here.
    private mutating func closes(_ end: JinjaToken.Kind) -> Bool {
        let isBlock = end == .blockEnd
        let border: StaticString = isBlock ? "%}" : "}}"
        var sign: Unicode.Scalar?
        if text[at] == "-" || isBlock && text[at] == "+" { sign = text[at] }
        let place = at + (sign == nil ? 0 : 1)
        guard starts(with: border, at: place) else { return false }
        append(end)
        advance(to: place + 2)
        closed(sign, trims: isBlock)
        return true
    }

    private mutating func symbol(_ closers: inout [Unicode.Scalar]) throws(TextError) {
        guard
            let symbol = Self.symbols.first(where: { symbol in text[at...].starts(with: symbol) })
        else { throw error("unexpected character '\(text[at])'") }
        switch symbol {
        case ["("]: closers.append(")")
        case ["["]: closers.append("]")
        case ["{"]: closers.append("}")
        case [")"], ["]"], ["}"]:
            guard let expected = closers.popLast() else { throw error("unexpected '\(symbol[0])'") }
            guard expected == symbol[0] else {
                throw error("unexpected '\(symbol[0])', expected '\(expected)'")
            }
        default: break
        }
        append(.symbol(String(scalars: symbol)))
        advance(to: at + symbol.count)
    }

    // MARK: Numbers

    private mutating func number() throws(TextError) {
        if text[at] == "0", at + 1 < text.count, "xXoObB".unicodeScalars.contains(text[at + 1]) {
            throw TextError(
                .unsupported, file: file, place: "line \(line)", "a number with a base is not supported")
        }
        var place = digitsEnd(at)
        var isFloat = false
        let isIndex = at > 0 && text[at - 1] == "."
        if !isIndex {
            if place + 1 < text.count, text[place] == ".", text[place + 1].isDecimalDigitASCII {
                isFloat = true
                place = digitsEnd(place + 1)
            }
            if let end = exponentEnd(place) {
                isFloat = true
                place = end
            }
        }
        let spelling = String(scalars: text[at..<place].filter { $0 != "_" })
        if isFloat {
            guard let value = Double(spelling) else { throw error("'\(spelling)' is not a number") }
            append(.float(value))
        } else {
            guard spelling.count == 1 || !spelling.hasPrefix("0") || spelling.allSatisfy({ $0 == "0" }) else {
                throw error("the number \(spelling.prefix(40)) starts with 0")
            }
            guard let value = Int(spelling) else {
                throw error("the number \(spelling.prefix(40)) is out of range")
            }
            append(.integer(value))
        }
        advance(to: place)
    }

    /// The place after digits, between which single underscores may stand.
    private func digitsEnd(_ start: Int) -> Int {
        var place = start
        while place < text.count {
            if text[place].isDecimalDigitASCII {
                place += 1
            } else if text[place] == "_", place > start, place + 1 < text.count,
                text[place + 1].isDecimalDigitASCII
            {
                place += 1
            } else {
                break
            }
        }
        return place
    }

    private func exponentEnd(_ start: Int) -> Int? {
        guard start < text.count, text[start] == "e" || text[start] == "E" else { return nil }
        var place = start + 1
        if place < text.count, text[place] == "+" || text[place] == "-" { place += 1 }
        guard place < text.count, text[place].isDecimalDigitASCII else { return nil }
        return digitsEnd(place)
    }

    // MARK: Strings

    private mutating func string(quote: Unicode.Scalar) throws(TextError) {
        var value = String.UnicodeScalarView()
        var place = at + 1
        while true {
            guard place < text.count else { throw error("the string is not closed") }
            let scalar = text[place]
            place += 1
            if scalar == quote { break }
            if scalar == "\\" {
                try escape(&place, into: &value)
            } else {
                value.append(scalar)
            }
        }
        append(.string(String(value)))
        advance(to: place)
    }

    /// Python's escapes; an unknown one stands for itself, with its backslash.
    private func escape(
        _ place: inout Int, into value: inout String.UnicodeScalarView
    ) throws(TextError) {
        guard place < text.count else { throw error("the string is not closed") }
        let scalar = text[place]
        place += 1
        switch scalar {
        case "\n": break
        case "\\", "'", "\"": value.append(scalar)
        case "n": value.append("\n")
        case "t": value.append("\t")
        case "r": value.append("\r")
        case "a": value.append("\u{07}")
        case "b": value.append("\u{08}")
        case "f": value.append("\u{0C}")
        case "v": value.append("\u{0B}")
        case "x": value.append(try code(&place, digits: 2))
        case "u": value.append(try code(&place, digits: 4))
        case "U": value.append(try code(&place, digits: 8))
        case "0"..."7":
            var code = scalar.value - 0x30
            var digits = 1
            while digits < 3, place < text.count, case "0"..."7" = text[place] {
                code = code << 3 | text[place].value - 0x30
                place += 1
                digits += 1
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("an octal escape is out of range") }
            value.append(scalar)
        case "N":
            throw TextError(
                .unsupported, file: file, place: "line \(line)", "the escape '\\N' is not supported")
        case _ where !scalar.isASCII:
            // Python's decoder sees an escape in place of the character.
            let code = scalar.value
            let escape =
                code <= 0xFF
                ? "x\(PythonText.hex(code, digits: 2))"
                : code <= 0xFFFF
                    ? "u\(PythonText.hex(code, digits: 4))" : "U\(PythonText.hex(code, digits: 8))"
            value.append(contentsOf: "\\\(escape)".unicodeScalars)
        default:
            value.append("\\")
            value.append(scalar)
        }
    }

    private func code(_ place: inout Int, digits: Int) throws(TextError) -> Unicode.Scalar {
        var code: UInt32 = 0
        for _ in 0..<digits {
            guard place < text.count, let digit = Character(text[place]).hexDigitValue, text[place].isASCII,
                code < 1 << 28
            else { throw error("an escape needs \(digits) hex digits") }
            code = code << 4 | UInt32(digit)
            place += 1
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw error("the escape stands for no Unicode character")
        }
        return scalar
    }
}
