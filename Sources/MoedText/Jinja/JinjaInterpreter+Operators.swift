/// Python's operators.
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

    mutating func apply(
        _ operation: JinjaArithmetic, _ left: JinjaValue, _ right: JinjaValue
    ) throws(TextError) -> JinjaValue {
        if let left = left.asInteger, let right = right.asInteger, operation != .divide {
            return try integer(operation, left, right)
        }
        if let left = left.asNumber, let right = right.asNumber {
            return .float(try float(operation, left, right))
        }
        for case .undefined(let what) in [left, right] { throw failure("\(what) is undefined") }
        switch (operation, left, right) {
        case (.add, .string(let left), .string(let right)):
            try charge(bytes: left.utf8.count + right.utf8.count)
            return .string(left + right)
        case (.add, .list(let left), .list(let right)): return try list(left.elements + right.elements)
        case (.add, .tuple(let left), .tuple(let right)):
            return .tuple(try sequence(left.elements + right.elements))
        case (.multiply, _, .integer(let count)): return try repeated(left, count)
        case (.multiply, .integer(let count), _): return try repeated(right, count)
        case (.remainder, .string, _):
            throw TextError(
                .unsupported, file: file, place: "line \(line)", "formatting with '%' is not supported")
        default:
            throw failure("bad operands for '\(operation.rawValue)': \(left.kind) and \(right.kind)")
        }
    }

    private func integer(_ operation: JinjaArithmetic, _ left: Int, _ right: Int) throws(TextError)
        -> JinjaValue
    {
        switch operation {
        case .add: return .integer(try exact(left.addingReportingOverflow(right)))
        case .subtract: return .integer(try exact(left.subtractingReportingOverflow(right)))
        case .multiply: return .integer(try exact(left.multipliedReportingOverflow(by: right)))
        case .divide: return .float(try float(.divide, Double(left), Double(right)))
        case .floorDivide, .remainder:
            guard right != 0 else { throw failure("division by zero") }
            let quotient = try exact(left.dividedReportingOverflow(by: right))
            let remainder = left - quotient * right
            // Python rounds down, Swift towards zero.
            let isBelow = remainder != 0 && (remainder < 0) != (right < 0)
            if operation == .remainder { return .integer(isBelow ? remainder + right : remainder) }
            return .integer(isBelow ? quotient - 1 : quotient)
        case .power:
            guard right >= 0 else { throw failure("a negative power is not supported") }
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
        case .divide, .floorDivide, .remainder:
            guard right != 0 else { throw failure("division by zero") }
            if operation == .divide { return left / right }
            var remainder = left.truncatingRemainder(dividingBy: right)
            if remainder != 0, (remainder < 0) != (right < 0) { remainder += right }
            return operation == .remainder ? remainder : ((left - remainder) / right).rounded()
        case .power: throw failure("a power of a float is not supported")
        }
    }

    private mutating func repeated(_ value: JinjaValue, _ count: Int) throws(TextError) -> JinjaValue {
        let count = max(0, count)
        switch value {
        case .string(let text):
            try charge(bytes: try exact(text.utf8.count.multipliedReportingOverflow(by: count)))
            return .string(String(repeating: text, count: text.isEmpty ? 0 : count))
        case .list(let items): return try list(try repeated(items.elements, count))
        case .tuple(let items): return .tuple(try sequence(try repeated(items.elements, count)))
        default: throw failure("bad operands for '*': \(value.kind) and an integer")
        }
    }

    private mutating func repeated(_ elements: [JinjaValue], _ count: Int) throws(TextError) -> [JinjaValue] {
        let stride = MemoryLayout<JinjaValue>.stride
        let bytes = try exact((elements.count * stride).multipliedReportingOverflow(by: count))
        try charge(bytes: bytes)
        return elements.isEmpty ? [] : Array(repeatElement(elements, count: count).joined())
    }

    // MARK: Comparisons

    mutating func holds(
        _ comparison: JinjaComparison, _ left: JinjaValue, _ right: JinjaValue
    ) throws(TextError) -> Bool {
        switch comparison {
        case .equal: return try equal(left, right)
        case .unequal: return try !equal(left, right)
        case .contained: return try contains(right, left)
        case .notContained: return try !contains(right, left)
        case .less: return try precedes(left, right, comparison)
        case .greater: return try precedes(right, left, comparison)
        case .lessOrEqual, .greaterOrEqual:
            if let left = left.asNumber, let right = right.asNumber {
                return comparison == .lessOrEqual ? left <= right : left >= right
            }
            return comparison == .lessOrEqual
                ? try !precedes(right, left, comparison) : try !precedes(left, right, comparison)
        }
    }

    mutating func equal(_ left: JinjaValue, _ right: JinjaValue) throws(TextError) -> Bool {
        try charge(steps: 1)
        if let left = left.asInteger, let right = right.asInteger { return left == right }
        if let left = left.asNumber, let right = right.asNumber { return left == right }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.wideInteger(let left), .wideInteger(let right)): return left == right
        case (.string(let left), .string(let right)):
            guard left.utf8.count == right.utf8.count else { return false }
            try charge(bytes: left.utf8.count)
            return left.isIdentical(to: right)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            guard left.elements.count == right.elements.count else { return false }
            for (left, right) in zip(left.elements, right.elements) where try !equal(left, right) {
                return false
            }
            return true
        case (.dictionary(let left), .dictionary(let right)):
            guard left.members.count == right.members.count else { return false }
            for member in left.members {
                guard let other = right[member.key], try equal(member.value, other) else { return false }
            }
            return true
        case (.namespace(let left), .namespace(let right)): return left == right
        case (.generator(let left), .generator(let right)): return left == right
        case (.macro(let left), .macro(let right)): return left == right
        case (.function(let left), .function(let right)): return left == right
        default: return false
        }
    }

    /// Python's `left < right`; the comparison is named in the error when there is no order between them.
    mutating func precedes(
        _ left: JinjaValue, _ right: JinjaValue, _ comparison: JinjaComparison = .less
    ) throws(TextError) -> Bool {
        try charge(steps: 1)
        if let left = left.asInteger, let right = right.asInteger { return left < right }
        if let left = left.asNumber, let right = right.asNumber { return left < right }
        for case .undefined(let what) in [left, right] { throw failure("\(what) is undefined") }
        switch (left, right) {
        case (.string(let left), .string(let right)):
            try charge(bytes: min(left.utf8.count, right.utf8.count))
            // The order of UTF-8 bytes is that of code points.
            return left.utf8.lexicographicallyPrecedes(right.utf8)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            for (left, right) in zip(left.elements, right.elements) where try !equal(left, right) {
                return try precedes(left, right, comparison)
            }
            return left.elements.count < right.elements.count
        default:
            throw failure(
                "'\(comparison.rawValue)' has no meaning between \(left.kind) and \(right.kind)")
        }
    }

    /// Python's `element in container`.
    mutating func contains(_ container: JinjaValue, _ element: JinjaValue) throws(TextError) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = element else {
                throw failure("'in' needs a string to look for in a string, not \(element.kind)")
            }
            try charge(bytes: text.utf8.count + part.utf8.count)
            return PythonString.contains(text, part)
        case .dictionary(let members):
            guard case .string(let key) = element else { return false }
            return members[key] != nil
        case .list, .tuple, .generator, .undefined:
            for candidate in try elements(of: container) where try equal(candidate, element) { return true }
            return false
        default: throw failure("nothing can be in \(container.kind)")
        }
    }
}
