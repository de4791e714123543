import Glibc

/// Python's arithmetic.
extension JinjaInterpreter {
    func negated(_ value: JinjaValue) throws(TextError) -> JinjaValue {
        if case .float(let number) = value { return .float(-number) }
        guard let number = value.asInteger else { throw failure("bad operand for '-': \(value.kind)") }
        return .integer(try exact(number.multipliedReportingOverflow(by: -1)))
    }

    func positive(_ value: JinjaValue) throws(TextError) -> JinjaValue {
        if case .float = value { return value }
        guard let number = value.asInteger else { throw failure("bad operand for '+': \(value.kind)") }
        return .integer(number)
    }

    /// Python's integers have no bounds; these have, and say so.
    func exact(_ result: (partialValue: Int, overflow: Bool)) throws(TextError) -> Int {
        guard !result.overflow else { throw failure("an integer beyond 64 bits") }
        return result.partialValue
    }

    func apply(
        _ operation: JinjaArithmetic, _ left: JinjaValue, _ right: JinjaValue
    ) throws(TextError) -> JinjaValue {
        if let left = left.asInteger, let right = right.asInteger {
            return try integer(operation, left, right)
        }
        if let left = left.asNumber, let right = right.asNumber {
            return .float(try float(operation, left, right))
        }
        for case .undefined(let name) in [left, right] { throw failure("\(name) is undefined") }
        for case .safeText in [left, right] {
            throw unsupported("'\(operation.rawValue)' after the filter 'safe'")
        }
        switch (operation, left, right) {
        case (.add, .string(let left), .string(let right)):
            try charge(bytes: left.utf8.count + right.utf8.count)
            return .string(left + right)
        case (.add, .list(let left), .list(let right)): return try list(try joined(left, right), isPaid: true)
        case (.add, .tuple(let left), .tuple(let right)):
            return .tuple(try sequence(try joined(left, right), isPaid: true))
        case (.multiply, _, _):
            if let count = right.asInteger { return try repeated(left, count) }
            if let count = left.asInteger { return try repeated(right, count) }
        case (.remainder, .string, _): throw unsupported("formatting with '%'")
        default: break
        }
        throw failure("bad operands for '\(operation.rawValue)': \(left.kind) and \(right.kind)")
    }

    private func joined(_ left: JinjaSequence, _ right: JinjaSequence) throws(TextError) -> [JinjaValue] {
        try charge(elements: left.elements.count + right.elements.count)
        return left.elements + right.elements
    }

    private func integer(
        _ operation: JinjaArithmetic, _ left: Int, _ right: Int
    ) throws(TextError) -> JinjaValue {
        switch operation {
        case .add: return .integer(try exact(left.addingReportingOverflow(right)))
        case .subtract: return .integer(try exact(left.subtractingReportingOverflow(right)))
        case .multiply: return .integer(try exact(left.multipliedReportingOverflow(by: right)))
        case .divide:
            // Beyond 53 bits Python rounds the quotient once, floats would round three times.
            guard Int(exactly: Double(left)) == left, Int(exactly: Double(right)) == right else {
                throw unsupported("'/' between integers beyond 53 bits")
            }
            return .float(try float(.divide, Double(left), Double(right)))
        case .floorDivide, .remainder:
            guard right != 0 else { throw failure("division by zero") }
            if operation == .remainder, right == -1 { return .integer(0) }
            let quotient = try exact(left.dividedReportingOverflow(by: right))
            let remainder = left - quotient * right
            // Python rounds down, Swift towards zero.
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            if operation == .remainder { return .integer(isBelow ? remainder + right : remainder) }
            return .integer(isBelow ? quotient - 1 : quotient)
        case .power:
            guard right >= 0 else { return .float(try float(.power, Double(left), Double(right))) }
            // These three would be multiplied without end.
            if right == 0 || left == 1 { return .integer(1) }
            if left == 0 { return .integer(0) }
            if left == -1 { return .integer(right.isMultiple(of: 2) ? 1 : -1) }
            var result = 1
            for _ in 0..<right { result = try exact(result.multipliedReportingOverflow(by: left)) }
            return .integer(result)
        }
    }

    private func float(
        _ operation: JinjaArithmetic, _ left: Double, _ right: Double
    ) throws(TextError) -> Double {
        switch operation {
        case .add: return left + right
        case .subtract: return left - right
        case .multiply: return left * right
        case .power: return try power(left, right)
        case .divide, .floorDivide, .remainder:
            guard right != 0 else { throw failure("division by zero") }
            return operation == .divide
                ? left / right : Self.floored(operation, left, by: right)
        }
    }

    /// Python's `//` or `%` of floats: the remainder has the divisor's sign, also when it is zero.
    private static func floored(_ operation: JinjaArithmetic, _ left: Double, by right: Double) -> Double {
        var remainder = left.truncatingRemainder(dividingBy: right)
        var quotient = (left - remainder) / right
        if remainder == 0 {
            remainder = Double(signOf: right, magnitudeOf: 0)
        } else if (remainder < 0) != (right < 0) {
            remainder += right
            quotient -= 1
        }
        if operation == .remainder { return remainder }
        guard quotient != 0 else { return Double(signOf: left / right, magnitudeOf: 0) }
        let floor = quotient.rounded(.down)
        return quotient - floor > 0.5 ? floor + 1 : floor
    }

    private func power(_ base: Double, _ exponent: Double) throws(TextError) -> Double {
        guard base != 0 || exponent >= 0 else { throw failure("zero cannot have a negative power") }
        guard base >= 0 || base.isInfinite || exponent.isInfinite || exponent.rounded() == exponent else {
            throw unsupported("a complex number")
        }
        let power = pow(base, exponent)
        guard power.isFinite || !base.isFinite || !exponent.isFinite else {
            throw failure("a power beyond the largest float")
        }
        return power
    }

    private func repeated(_ value: JinjaValue, _ count: Int) throws(TextError) -> JinjaValue {
        let count = max(0, count)
        switch value {
        case .string(let text):
            try charge(bytes: text.utf8.count, times: count)
            return .string(String(decoding: Self.repeated(Array(text.utf8), count), as: UTF8.self))
        case .list(let items): return try list(try repeated(items.elements, count), isPaid: true)
        case .tuple(let items):
            return .tuple(try sequence(try repeated(items.elements, count), isPaid: true))
        default: throw failure("bad operands for '*': \(value.kind) and an integer")
        }
    }

    private func repeated(_ elements: [JinjaValue], _ count: Int) throws(TextError) -> [JinjaValue] {
        try charge(bytes: MemoryLayout<JinjaValue>.stride * elements.count, times: count)
        return Self.repeated(elements, count)
    }

    /// Doubles pieces: one element at a time, a long result would take seconds.
    private static func repeated<Element>(_ elements: [Element], _ count: Int) -> [Element] {
        guard !elements.isEmpty else { return [] }
        var (result, piece, left) = ([Element](), elements, count)
        while left > 0 {
            if !left.isMultiple(of: 2) { result += piece }
            left /= 2
            if left > 0 { piece += piece }
        }
        return result
    }
}
