package import MoedCore

/// An exact decimal number: ± digits × 10^exponent, without zeros at either end of the digits.
package struct ExactDecimal: Hashable, Sendable {
    package var isNegative: Bool
    /// Most significant first; empty for zero.
    var digits: [UInt8]
    var exponent: Int

    static let zero = ExactDecimal(isNegative: false, digits: [], exponent: 0)
    /// Numbers beyond 10^±400 are outside of every double.
    static let exponentMax = 400

    package var isZero: Bool { digits.isEmpty }

    package init(isNegative: Bool, digits: [UInt8], exponent: Int) {
        var digits = Array(digits.drop { $0 == 0 })
        var exponent = exponent
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        self.digits = digits
        self.exponent = digits.isEmpty ? 0 : exponent
        self.isNegative = isNegative && !digits.isEmpty
    }

    /// A JSON number; nil for other values and for numbers beyond the range.
    package init?(_ value: JSONValue) {
        switch value {
        case .integer(let number): self.init(text: String(number))
        case .wideInteger(let text): self.init(text: text)
        case .double(let number): self.init(text: number.description)
        default: return nil
        }
    }

    private init?(text: String) {
        var digits: [UInt8] = []
        var exponent = 0
        var isFraction = false
        var isNegative = false
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "-") {
            isNegative = true
            rest.removeFirst()
        }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits.append(byte - 48)
                if isFraction { exponent -= 1 }
            case UInt8(ascii: "."): isFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                guard let power = Int(Substring(rest).drop { $0 == "+" }), abs(power) <= 2_000 else {
                    return nil
                }
                exponent += power
                rest = rest[rest.endIndex...]
            default: return nil
            }
        }
        self.init(isNegative: isNegative, digits: digits, exponent: exponent)
        guard self.digits.count <= Self.exponentMax, abs(self.exponent) <= Self.exponentMax else {
            return nil
        }
    }

    /// Digits before the point; `[0]` when the number is below 1.
    var integerDigits: [UInt8] {
        let count = digits.count + exponent
        guard count > 0 else { return [0] }
        return (0..<count).map { $0 < digits.count ? digits[$0] : 0 }
    }

    /// Digits behind the point, without zeros at the end.
    var fractionDigits: [UInt8] {
        guard exponent < 0 else { return [] }
        return (0..<(-exponent)).map { place in
            let index = digits.count + exponent + place
            return index < 0 ? 0 : digits[index]
        }
    }

    var isInteger: Bool { exponent >= 0 }

    /// -1, 0 or 1.
    func compared(to other: ExactDecimal) -> Int {
        if isNegative != other.isNegative { return isNegative ? -1 : 1 }
        let order = magnitudeCompared(to: other)
        return isNegative ? -order : order
    }

    private func magnitudeCompared(to other: ExactDecimal) -> Int {
        let (left, right) = (integerDigits, other.integerDigits)
        if left.count != right.count { return left.count < right.count ? -1 : 1 }
        for (a, b) in zip(left, right) where a != b { return a < b ? -1 : 1 }
        let (tail, otherTail) = (fractionDigits, other.fractionDigits)
        for index in 0..<max(tail.count, otherTail.count) {
            let a = index < tail.count ? tail[index] : 0
            let b = index < otherTail.count ? otherTail[index] : 0
            if a != b { return a < b ? -1 : 1 }
        }
        return 0
    }

    /// Usual spellings as JSON: `12`, `12.0`, `0.5`.
    func spellings(fractionOfIntegers: Bool) -> [String] {
        let sign = isNegative ? "-" : ""
        let whole = integerDigits.map { String($0) }.joined()
        guard isInteger else { return [sign + whole + "." + fractionDigits.map { String($0) }.joined()] }
        var texts = [sign + whole]
        if fractionOfIntegers { texts.append(sign + whole + ".0") }
        if isZero { texts += texts.map { "-" + $0 } }
        return texts
    }
}
