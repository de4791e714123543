/// Character classes and escapes of regular expressions.
enum RegexClass {
    /// Reads a class behind its `[`.
    static func parse(
        _ scalars: [Unicode.Scalar], _ at: inout Int, _ ignoresCase: Bool
    ) throws(GrammarError) -> CodePointSet {
        var set = CodePointSet.empty
        let isNegated = at < scalars.count && scalars[at] == "^"
        if isNegated { at += 1 }
        while true {
            guard at < scalars.count else {
                throw GrammarError(.malformed, "regular expression: missing ']' (character \(at + 1))")
            }
            // RE2 reads a first "]" as a member, ECMAScript as the end: a class without members.
            if scalars[at] == "]" { break }
            if at + 1 < scalars.count, scalars[at] == "[", scalars[at + 1] == ":" {
                set = set.union(try posix(scalars, &at))
                continue
            }
            let low = try member(scalars, &at)
            guard at + 1 < scalars.count, scalars[at] == "-", scalars[at + 1] != "]", let first = single(low)
            else {
                set = set.union(low)
                continue
            }
            let dash = at
            at += 1
            let high = try member(scalars, &at)
            guard let last = single(high) else {
                at = dash
                set = set.union(low)
                set = set.union(.one(0x2D))
                at += 1
                continue
            }
            guard first <= last else {
                throw GrammarError(
                    .malformed, "regular expression: a range is out of order (character \(at))")
            }
            set = set.union(CodePointSet([first...last]))
        }
        at += 1
        if ignoresCase { set = set.ignoringCase }
        return isNegated ? set.complement : set
    }

    private static func single(_ set: CodePointSet) -> UInt32? {
        guard set.ranges.count == 1, let range = set.ranges.first, range.count == 1 else { return nil }
        return range.lowerBound
    }

    private static func member(_ scalars: [Unicode.Scalar], _ at: inout Int) throws(GrammarError)
        -> CodePointSet
    {
        guard scalars[at] == "\\" else {
            at += 1
            return .one(scalars[at - 1].value)
        }
        at += 1
        if at < scalars.count, scalars[at] == "b" {
            at += 1
            return .one(8)
        }
        return try escape(scalars, &at)
    }

    /// Reads an escape behind its backslash.
    static func escape(_ scalars: [Unicode.Scalar], _ at: inout Int) throws(GrammarError) -> CodePointSet {
        guard at < scalars.count else {
            throw GrammarError(.malformed, "regular expression: it ends with a backslash")
        }
        let scalar = scalars[at]
        at += 1
        switch scalar {
        case "d": return .digit
        case "D": return CodePointSet.digit.complement
        case "w": return .word
        case "W": return CodePointSet.word.complement
        case "s": return .space
        case "S": return .notSpace
        case "n": return .one(10)
        case "r": return .one(13)
        case "t": return .one(9)
        case "f": return .one(12)
        case "v": return .one(11)
        case "a": return .one(7)
        case "0": return .one(0)
        case "c":
            guard at < scalars.count, scalars[at].isASCII, scalars[at].properties.isAlphabetic else { break }
            at += 1
            return .one(scalars[at - 1].value & 0x1F)
        case "x": return try hex(scalars, &at, digits: 2)
        case "u": return try hex(scalars, &at, digits: 4)
        case "p", "P": return try category(scalars, &at, isNegated: scalar == "P")
        default:
            // Letters and digits without a meaning are errors: a later standard may give them one.
            guard scalar.isASCII, scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) else {
                return .one(scalar.value)
            }
        }
        throw GrammarError(.unsupported, "regular expression: \\\(scalar) is not supported (character \(at))")
    }

    private static func hex(
        _ scalars: [Unicode.Scalar], _ at: inout Int, digits: Int
    ) throws(GrammarError) -> CodePointSet {
        let isBraced = at < scalars.count && scalars[at] == "{"
        if isBraced { at += 1 }
        var value: UInt32 = 0
        var count = 0
        while at < scalars.count, count < (isBraced ? 6 : digits),
            let digit = Character(scalars[at]).hexDigitValue
        {
            value = value << 4 | UInt32(digit)
            count += 1
            at += 1
        }
        let isWhole = isBraced ? count > 0 && at < scalars.count && scalars[at] == "}" : count == digits
        guard isWhole else {
            throw GrammarError(
                .malformed, "regular expression: a code point has too few digits (character \(at))")
        }
        if isBraced { at += 1 }
        // A pair of surrogates is one code point.
        if (0xD800..<0xDC00).contains(value), at + 1 < scalars.count, scalars[at] == "\\",
            scalars[at + 1] == "u"
        {
            at += 2
            let low = try hex(scalars, &at, digits: 4)
            if let second = low.ranges.first?.lowerBound { return .one(second) }
        }
        if (0xDC00..<0xE000).contains(value) {
            // Reached behind a high surrogate only: its digits are two characters further back.
            let start = at - 10
            guard start >= 0,
                let high = UInt32(String(String.UnicodeScalarView(scalars[start..<start + 4])), radix: 16),
                (0xD800..<0xDC00).contains(high)
            else { throw GrammarError(.malformed, "regular expression: a lone surrogate (character \(at))") }
            return .one(0x10000 + (high - 0xD800) << 10 + (value - 0xDC00))
        }
        guard value <= 0x10FFFF else {
            throw GrammarError(.malformed, "regular expression: no such code point (character \(at))")
        }
        return .one(value)
    }

    private static func category(
        _ scalars: [Unicode.Scalar], _ at: inout Int, isNegated: Bool
    ) throws(GrammarError) -> CodePointSet {
        var name = String.UnicodeScalarView()
        if at < scalars.count, scalars[at] == "{" {
            at += 1
            while at < scalars.count, scalars[at] != "}", name.count < 64 {
                name.append(scalars[at])
                at += 1
            }
            at += 1
        } else if at < scalars.count {
            name.append(scalars[at])
            at += 1
        }
        var text = String(name)
        for prefix in ["General_Category=", "gc="] where text.hasPrefix(prefix) {
            text.removeFirst(prefix.count)
        }
        guard let set = CodePointSet.category(text) else {
            throw GrammarError(
                .unsupported, "regular expression: \\p{\(text)} is not supported (character \(at))")
        }
        return isNegated ? set.complement : set
    }

    private static func posix(_ scalars: [Unicode.Scalar], _ at: inout Int) throws(GrammarError)
        -> CodePointSet
    {
        let names: [String: CodePointSet] = [
            "alpha": CodePointSet([0x41...0x5A, 0x61...0x7A]), "digit": .digit,
            "alnum": CodePointSet([0x30...0x39, 0x41...0x5A, 0x61...0x7A]),
            "upper": CodePointSet([0x41...0x5A]), "lower": CodePointSet([0x61...0x7A]),
            "space": CodePointSet([0x09...0x0D, 0x20...0x20]), "word": .word, "blank": CodePointSet(" \t"),
            "xdigit": CodePointSet([0x30...0x39, 0x41...0x46, 0x61...0x66]),
            "punct": CodePointSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]),
            "print": CodePointSet([0x20...0x7E]), "graph": CodePointSet([0x21...0x7E]),
            "cntrl": CodePointSet([0x00...0x1F, 0x7F...0x7F]),
        ]
        for (name, set) in names {
            let text = Array("[:\(name):]".unicodeScalars)
            if at + text.count <= scalars.count, Array(scalars[at..<at + text.count]) == text {
                at += text.count
                return set
            }
        }
        // A bracket that only looks like such a class.
        at += 1
        return .one(0x5B)
    }
}
