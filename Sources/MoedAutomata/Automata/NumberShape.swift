/// A conjunction of conditions on a number.
package struct NumberShape: Hashable, Sendable {
    /// A limit of a number's value.
    package struct Bound: Hashable, Sendable {
        var value: ExactDecimal
        var isExclusive: Bool

        package init(value: ExactDecimal, isExclusive: Bool) {
            self.value = value
            self.isExclusive = isExclusive
        }
    }

    package var lower: Bound?
    package var upper: Bound?
    /// True for whole numbers, false for numbers with a fraction; nil for both.
    package var isInteger: Bool?
    /// False when `1.0` is no spelling of a whole number (draft 4).
    package var allowsPointZero = true
    package var multiples: [ExactDecimal] = []
    package var notMultiples: [ExactDecimal] = []
    package var excluded: [ExactDecimal] = []
    /// The only values; nil when all are.
    package var values: [ExactDecimal]?

    package static let any = NumberShape()

    package init(isInteger: Bool? = nil, allowsPointZero: Bool = true, values: [ExactDecimal]? = nil) {
        self.isInteger = isInteger
        self.allowsPointZero = allowsPointZero
        self.values = values
    }

    /// Numbers that satisfy both; nil when none can.
    package func intersection(_ other: NumberShape) -> NumberShape? {
        var result = self
        if let integer = other.isInteger {
            guard isInteger == nil || isInteger == integer else { return nil }
            result.isInteger = integer
        }
        result.allowsPointZero = allowsPointZero && other.allowsPointZero
        result.lower = Self.stricter(lower, other.lower) { $0 > 0 }
        result.upper = Self.stricter(upper, other.upper) { $0 < 0 }
        result.multiples = Self.union(multiples, other.multiples)
        result.notMultiples = Self.union(notMultiples, other.notMultiples)
        result.excluded = Self.union(excluded, other.excluded)
        if let more = other.values { result.values = result.values.map { $0.filter(more.contains) } ?? more }
        return result.isPossible ? result : nil
    }

    private static func union(_ left: [ExactDecimal], _ right: [ExactDecimal]) -> [ExactDecimal] {
        left + right.filter { !left.contains($0) }
    }

    private static func stricter(_ left: Bound?, _ right: Bound?, _ isStricter: (Int) -> Bool) -> Bound? {
        guard let left, let right else { return left ?? right }
        let order = left.value.compared(to: right.value)
        if order == 0 { return left.isExclusive ? left : right }
        return isStricter(order) ? left : right
    }

    /// Narrows finite values; false when nothing remains by bounds alone.
    private var isPossible: Bool {
        if let values { return values.contains(where: accepts) }
        guard let lower, let upper else { return true }
        let order = lower.value.compared(to: upper.value)
        if order > 0 || order == 0 && (lower.isExclusive || upper.isExclusive) { return false }
        if order == 0 { return accepts(lower.value) }
        if isInteger == true, multiples.isEmpty { return holdsInteger(lower, upper) }
        return true
    }

    private func holdsInteger(_ lower: Bound, _ upper: Bound) -> Bool {
        // The first whole number from the lower bound on.
        var first = lower.value.roundedDown
        if first.compared(to: lower.value) < 0 || lower.isExclusive { first = first.successor }
        let order = first.compared(to: upper.value)
        return order < 0 || order == 0 && !upper.isExclusive
    }

    func accepts(_ value: ExactDecimal) -> Bool {
        if let isInteger, isInteger != value.isInteger { return false }
        if let lower {
            let order = value.compared(to: lower.value)
            if order < 0 || order == 0 && lower.isExclusive { return false }
        }
        if let upper {
            let order = value.compared(to: upper.value)
            if order > 0 || order == 0 && upper.isExclusive { return false }
        }
        if excluded.contains(value) { return false }
        if multiples.contains(where: { !value.isMultiple(of: $0) }) { return false }
        if notMultiples.contains(where: { value.isMultiple(of: $0) }) { return false }
        return values.map { $0.contains(value) } ?? true
    }

    /// Shapes of the numbers that do not satisfy this one.
    package var complement: [NumberShape] {
        var shapes: [NumberShape] = []
        func add(_ change: (inout NumberShape) -> Void) {
            var shape = NumberShape(allowsPointZero: allowsPointZero)
            change(&shape)
            shapes.append(shape)
        }
        if let lower { add { $0.upper = Bound(value: lower.value, isExclusive: !lower.isExclusive) } }
        if let upper { add { $0.lower = Bound(value: upper.value, isExclusive: !upper.isExclusive) } }
        if let isInteger { add { $0.isInteger = !isInteger } }
        for multiple in multiples { add { $0.notMultiples = [multiple] } }
        for multiple in notMultiples { add { $0.multiples = [multiple] } }
        for value in excluded { add { $0.values = [value] } }
        if let values { add { $0.excluded = values } }
        return shapes
    }
}

extension ExactDecimal {
    /// The next whole number below or equal.
    var roundedDown: ExactDecimal {
        guard !isInteger else { return self }
        let whole = ExactDecimal(isNegative: isNegative, digits: integerDigits, exponent: 0)
        return isNegative ? whole.predecessor : whole
    }

    /// A whole number plus one.
    var successor: ExactDecimal {
        isNegative
            ? ExactDecimal(isNegative: true, digits: Self.minusOne(integerDigits), exponent: 0)
            : ExactDecimal(isNegative: false, digits: Self.plusOne(integerDigits), exponent: 0)
    }

    var predecessor: ExactDecimal {
        if isZero { return ExactDecimal(isNegative: true, digits: [1], exponent: 0) }
        return isNegative
            ? ExactDecimal(isNegative: true, digits: Self.plusOne(integerDigits), exponent: 0)
            : ExactDecimal(isNegative: false, digits: Self.minusOne(integerDigits), exponent: 0)
    }

    private static func plusOne(_ digits: [UInt8]) -> [UInt8] {
        var digits = digits
        for index in digits.indices.reversed() {
            if digits[index] < 9 {
                digits[index] += 1
                return digits
            }
            digits[index] = 0
        }
        return [1] + digits
    }

    /// - Precondition: the digits are not all zero.
    private static func minusOne(_ digits: [UInt8]) -> [UInt8] {
        var digits = digits
        for index in digits.indices.reversed() {
            if digits[index] > 0 {
                digits[index] -= 1
                return digits
            }
            digits[index] = 9
        }
        return digits
    }

    /// True when this is a whole number of times `step`, which is not 0.
    func isMultiple(of step: ExactDecimal) -> Bool {
        guard !isZero else { return true }
        guard let (modulus, places) = step.scaled, -exponent <= places else { return false }
        var rest = 0
        for digit in digits { rest = (rest * 10 + Int(digit)) % modulus }
        for _ in 0..<(exponent + places) { rest = rest * 10 % modulus }
        return rest == 0
    }

    /// The number as (n, k) with value n / 10^k; nil when n does not fit.
    var scaled: (number: Int, places: Int)? {
        guard digits.count + max(exponent, 0) <= 15 else { return nil }
        var number = 0
        for digit in digits { number = number * 10 + Int(digit) }
        for _ in 0..<max(exponent, 0) { number *= 10 }
        return (number, max(-exponent, 0))
    }
}
