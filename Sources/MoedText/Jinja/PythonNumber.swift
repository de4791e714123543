/// Numbers in text as Python's `int(…)` and `float(…)` read them.
enum PythonNumber {
    enum Integer: Equatable {
        case value(Int)
        /// An integer that 64 bits do not hold.
        case tooLarge
        /// Text that is no integer.
        case none
    }

    /// - Parameter base: 2 to 36, or 0: the base that the prefix `0x`, `0o` or `0b` names, and 10 without one.
    static func integer(in text: String, base: Int) -> Integer {
        guard var digits = ascii(text) else { return .none }
        var isNegative = false
        if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            digits.removeFirst()
        }
        var base = base
        let prefixed =
            digits.count > 1 && digits[0] == UInt8(ascii: "0") ? prefixBases[digits[1] | 0x20] : nil
        if let prefixed, base == 0 || base == prefixed {
            base = prefixed
            digits.removeFirst(2)
            // An underscore may follow the prefix.
            if digits.first == UInt8(ascii: "_") { digits.removeFirst() }
        } else if base == 0 {
            base = 10
            let isZero = digits.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: "_") }
            guard digits.first != UInt8(ascii: "0") || isZero else { return .none }
        }
        guard let digits = withoutUnderscores(digits), !digits.isEmpty else { return .none }
        var value = 0
        var isTooLarge = false
        for byte in digits {
            guard let digit = digit(byte), digit < base else { return .none }
            let (product, overflows) = value.multipliedReportingOverflow(by: base)
            let (sum, overflowsToo) = product.subtractingReportingOverflow(digit)
            isTooLarge = isTooLarge || overflows || overflowsToo
            // Counted downwards: the lowest integer has no positive twin.
            value = isTooLarge ? 0 : sum
        }
        guard !isTooLarge, isNegative || value != .min else { return .tooLarge }
        return .value(isNegative ? value : -value)
    }

    static func double(in text: String) -> Double? {
        guard let bytes = ascii(text) else { return nil }
        var word = bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
        if word.first == UInt8(ascii: "+") || word.first == UInt8(ascii: "-") { word.removeFirst() }
        if ["inf", "infinity", "nan"].contains(where: { Array($0.utf8) == word }) {
            return Double(String(decoding: bytes, as: UTF8.self))
        }
        // Swift reads more than Python does: hexadecimal floats and payloads of NaN.
        let letters = Set("0123456789+-.e".utf8)
        guard let digits = withoutUnderscores(word), digits.allSatisfy(letters.contains) else { return nil }
        let sign = bytes.first == UInt8(ascii: "-") ? "-" : ""
        guard digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-") else { return nil }
        return Double(sign + String(decoding: digits, as: UTF8.self))
    }

    // MARK: Order

    /// Order of a first number and a second one.
    enum Order {
        case ascending, same, descending

        var reversed: Order {
            switch self {
            case .ascending: .descending
            case .same: .same
            case .descending: .ascending
            }
        }
    }

    /// nil: one is NaN.
    static func order(_ left: Double, _ right: Double) -> Order? {
        if left == right { return .same }
        return left < right ? .ascending : left > right ? .descending : nil
    }

    /// The order of the numbers themselves, not of the floats nearest to them; nil: NaN.
    static func order(_ left: Int, _ right: Double) -> Order? {
        if right.isNaN { return nil }
        if let right = Int(exactly: right) {
            return left < right ? .ascending : left == right ? .same : .descending
        }
        // A float with a fraction is far from where integers are rounded; the others are beyond 64 bits.
        return Double(left) < right ? .ascending : .descending
    }

    /// The order of integers of which nothing but the digits is known, without leading zeros.
    static func order(ofDigits left: String, _ right: String) -> Order {
        if left.utf8.elementsEqual(right.utf8) { return .same }
        let isNegative = left.hasPrefix("-")
        guard isNegative == right.hasPrefix("-") else { return isNegative ? .ascending : .descending }
        let isShorter =
            left.utf8.count == right.utf8.count
            ? left.utf8.lexicographicallyPrecedes(right.utf8) : left.utf8.count < right.utf8.count
        return isShorter != isNegative ? .ascending : .descending
    }

    private static let prefixBases: [UInt8: Int] = [
        UInt8(ascii: "x"): 16, UInt8(ascii: "o"): 8, UInt8(ascii: "b"): 2,
    ]

    /// The text without white space around it, with every script's decimal digits as ASCII ones; nil when other
    /// characters beyond ASCII remain.
    private static func ascii(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for scalar in PythonString.strip(text, nil).unicodeScalars {
            if scalar.isASCII {
                bytes.append(UInt8(scalar.value))
            } else if scalar.properties.generalCategory == .decimalNumber,
                let value = scalar.properties.numericValue
            {
                bytes.append(UInt8(ascii: "0") + UInt8(clamping: Int(value)))
            } else {
                return nil
            }
        }
        return bytes
    }

    /// Single underscores between digits are dropped; nil where another one stands.
    private static func withoutUnderscores(_ bytes: [UInt8]) -> [UInt8]? {
        var kept: [UInt8] = []
        for (place, byte) in bytes.enumerated() {
            guard byte == UInt8(ascii: "_") else {
                kept.append(byte)
                continue
            }
            guard place > 0, digit(bytes[place - 1]) != nil, place + 1 < bytes.count,
                digit(bytes[place + 1]) != nil
            else { return nil }
        }
        return kept
    }

    private static func digit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x5A: Int(byte) - 0x41 + 10
        case 0x61...0x7A: Int(byte) - 0x61 + 10
        default: nil
        }
    }
}
