/// A set of code points as sorted, separate ranges. Surrogates are never members.
package struct CodePointSet: Hashable, Sendable {
    package private(set) var ranges: [ClosedRange<UInt32>]

    static let empty = CodePointSet([])
    package static let all = CodePointSet([0...0xD7FF, 0xE000...0x10FFFF])

    /// - Parameter ranges: in any order; they may overlap.
    package init(_ ranges: [ClosedRange<UInt32>]) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound &+ 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged.flatMap { range -> [ClosedRange<UInt32>] in
            guard range.upperBound >= 0xD800, range.lowerBound <= 0xDFFF else { return [range] }
            var parts: [ClosedRange<UInt32>] = []
            if range.lowerBound < 0xD800 { parts.append(range.lowerBound...0xD7FF) }
            if range.upperBound > 0xDFFF { parts.append(0xE000...range.upperBound) }
            return parts
        }
    }

    init(_ scalars: String) {
        self.init(scalars.unicodeScalars.map { $0.value...$0.value })
    }

    package static func one(_ value: UInt32) -> CodePointSet { CodePointSet([value...value]) }

    var isEmpty: Bool { ranges.isEmpty }

    func union(_ other: CodePointSet) -> CodePointSet { CodePointSet(ranges + other.ranges) }

    package var complement: CodePointSet {
        var rest: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { rest.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { rest.append(next...0x10FFFF) }
        return CodePointSet(rest)
    }

    /// The set with the other case of its ASCII letters.
    var ignoringCase: CodePointSet {
        var more: [ClosedRange<UInt32>] = []
        for range in ranges {
            for (first, distance) in [(UInt32(65), 32), (97, -32)] {
                let low = max(range.lowerBound, first)
                let high = min(range.upperBound, first + 25)
                guard low <= high else { continue }
                more.append(UInt32(Int(low) + distance)...UInt32(Int(high) + distance))
            }
        }
        return CodePointSet(ranges + more)
    }

    // MARK: Classes of regular expressions

    static let digit = CodePointSet([0x30...0x39])
    static let word = CodePointSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = CodePointSet([
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
        0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ])
    /// Characters that neither ECMAScript nor Python counts as white space.
    static let notSpace = space.union(CodePointSet([0x1C...0x1F, 0x85...0x85])).complement
    /// The matches of `.`: everything but line ends.
    static let notLineEnd = CodePointSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]).complement

    /// Members of a Unicode general category: `L`, `Lu`, `Zs`; nil for other names.
    static func category(_ name: String) -> CodePointSet? {
        let short = longCategories[name] ?? name
        guard knownCategories.contains(short) else { return nil }
        var ranges: [ClosedRange<UInt32>] = []
        var start: UInt32?
        for value in UInt32(0)...0x110000 {
            let isMember =
                Unicode.Scalar(value).map { shortName($0.properties.generalCategory).hasPrefix(short) }
                ?? false
            if isMember, start == nil { start = value }
            if !isMember, let first = start {
                ranges.append(first...value - 1)
                start = nil
            }
        }
        return CodePointSet(ranges)
    }

    private static let longCategories = [
        "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
        "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Punctuation": "P", "punct": "P", "Symbol": "S",
        "Separator": "Z", "Space_Separator": "Zs", "Mark": "M", "Other": "C", "Control": "Cc",
    ]
    private static let knownCategories: Set<String> = [
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd",
        "Ps",
        "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc", "Cf", "Co",
        "Cn",
    ]

    private static func shortName(_ category: Unicode.GeneralCategory) -> String {
        switch category {
        case .uppercaseLetter: "Lu"
        case .lowercaseLetter: "Ll"
        case .titlecaseLetter: "Lt"
        case .modifierLetter: "Lm"
        case .otherLetter: "Lo"
        case .nonspacingMark: "Mn"
        case .spacingMark: "Mc"
        case .enclosingMark: "Me"
        case .decimalNumber: "Nd"
        case .letterNumber: "Nl"
        case .otherNumber: "No"
        case .connectorPunctuation: "Pc"
        case .dashPunctuation: "Pd"
        case .openPunctuation: "Ps"
        case .closePunctuation: "Pe"
        case .initialPunctuation: "Pi"
        case .finalPunctuation: "Pf"
        case .otherPunctuation: "Po"
        case .mathSymbol: "Sm"
        case .currencySymbol: "Sc"
        case .modifierSymbol: "Sk"
        case .otherSymbol: "So"
        case .spaceSeparator: "Zs"
        case .lineSeparator: "Zl"
        case .paragraphSeparator: "Zp"
        case .control: "Cc"
        case .format: "Cf"
        case .privateUse: "Co"
        default: "Cn"
        }
    }
}
