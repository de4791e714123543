import MoedAutomata

/// Texts and classes of characters. Both have the same escapes; numbers are code points.
extension GBNFParser {
    /// Reads a text behind its opening quote.
    mutating func literal() throws(GrammarError) -> RuleSyntax {
        let start = at
        var parts: [RuleSyntax] = []
        while let scalar = next, scalar != "\"" { parts.append(.set(.one(try character(scalar)))) }
        guard take("\"") else { throw error("the quote that ends a text is missing", at: start - 1) }
        return .sequence(parts)
    }

    /// Reads a class behind its opening bracket.
    mutating func characters() throws(GrammarError) -> CodePointSet {
        let start = at
        let isNegated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        while let scalar = next, scalar != "]" {
            let low = try character(scalar)
            let dash = at
            guard take("-"), let last = next, last != "]" else {
                // A dash at the end stands for itself.
                at = dash
                ranges.append(low...low)
                continue
            }
            let high = try character(last)
            guard low <= high else { throw error("a range of characters is out of order", at: dash) }
            ranges.append(low...high)
        }
        guard take("]") else { throw error("“]” is missing", at: start - 1) }
        guard !ranges.isEmpty else { throw error("a class without characters", at: start - 1) }
        let set = CodePointSet(ranges)
        return isNegated ? set.complement : set
    }

    private mutating func character(_ scalar: Unicode.Scalar) throws(GrammarError) -> UInt32 {
        at += 1
        guard scalar == "\\" else { return scalar.value }
        guard let letter = next else { throw error("the grammar ends with a backslash") }
        at += 1
        switch letter {
        case "n": return 10
        case "r": return 13
        case "t": return 9
        case "b": return 8
        case "f": return 12
        case "v": return 11
        case "a": return 7
        case "0": return 0
        case "x": return try hexadecimal(2)
        case "u": return try hexadecimal(4)
        case "U": return try hexadecimal(8)
        case "\"", "\\", "[", "]", "-", "^", "'", "/", "?": return letter.value
        default: throw error("“\\\(letter)” is no escape of GBNF", .unsupported, at: at - 2)
        }
    }

    private mutating func hexadecimal(_ digits: Int) throws(GrammarError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let digit = next.flatMap({ Character($0).hexDigitValue }), next?.isASCII == true else {
                throw error("an escape of a character has \(digits) hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            at += 1
        }
        guard Unicode.Scalar(value) != nil else { throw error("an escape stands for no character") }
        return value
    }
}
