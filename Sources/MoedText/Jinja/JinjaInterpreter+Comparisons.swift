/// Python's comparisons.
extension JinjaInterpreter {
    func holds(
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
            // NaN is neither.
            if let order = try numericOrder(left, right) {
                return comparison == .lessOrEqual ? order != .descending : order != .ascending
            }
            if left.isNumber, right.isNumber { return false }
            return comparison == .lessOrEqual
                ? try !precedes(right, left, comparison) : try !precedes(left, right, comparison)
        }
    }

    /// `in` looks an element of `keys()` and `items()` up in their dictionary, so it must be able to be a key there.
    private func checkKey(_ element: JinjaValue, of view: JinjaView) throws(TextError) {
        var key = element
        switch (view.source, element) {
        case (.keys, _): break
        case (.items, .tuple(let pair)) where pair.elements.count == 2: key = pair.elements[0]
        default: return
        }
        guard key.isHashable else { throw failure("\(key.kind) cannot be a key") }
    }

    func equal(_ left: JinjaValue, _ right: JinjaValue) throws(TextError) -> Bool {
        try charge(steps: 1)
        if left.isNumber, right.isNumber { return try numericOrder(left, right) == .same }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.string(let left), .string(let right)), (.safeText(let left), .safeText(let right)),
            (.string(let left), .safeText(let right)), (.safeText(let left), .string(let right)):
            guard left.utf8.count == right.utf8.count else { return false }
            try charge(reading: left.utf8.count)
            return left.isIdentical(to: right)
        case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
            return try equal(left.elements, right.elements)
        case (.dictionary(let left), .dictionary(let right)):
            guard left.members.count == right.members.count else { return false }
            for member in left.members {
                try charge(reading: member.key.utf8.count * 2)
                guard let other = right[member.key], try equal(member.value, other) else { return false }
            }
            return true
        case (.view(let left), .view(let right)):
            guard case .range = left.source, case .range = right.source else {
                throw unsupported("a comparison of \(left.kind)")
            }
            return try equal(left.items.elements, right.items.elements)
        case (.namespace(let left), .namespace(let right)): return left == right
        case (.generator(let left), .generator(let right)): return left == right
        case (.macro(let left), .macro(let right)): return left == right
        case (.function(let left), .function(let right)): return left == right
        default: return false
        }
    }

    private func equal(_ left: [JinjaValue], _ right: [JinjaValue]) throws(TextError) -> Bool {
        guard left.count == right.count else { return false }
        for (left, right) in zip(left, right) where try !equal(left, right) { return false }
        return true
    }

    /// Python's `left < right`; the comparison is named in the error when there is no order between them.
    func precedes(
        _ left: JinjaValue, _ right: JinjaValue, _ comparison: JinjaComparison = .less
    ) throws(TextError) -> Bool {
        try charge(steps: 1)
        if left.isNumber, right.isNumber { return try numericOrder(left, right) == .ascending }
        for case .undefined(let name) in [left, right] { throw failure("\(name) is undefined") }
        switch (left, right) {
        case (.string(let left), .string(let right)):
            try charge(reading: min(left.utf8.count, right.utf8.count))
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
    func contains(_ container: JinjaValue, _ element: JinjaValue) throws(TextError) -> Bool {
        switch container {
        case .string(let text):
            guard case .string(let part) = element else {
                throw failure("'in' needs a string to look for in a string, not \(element.kind)")
            }
            try charge(bytes: text.utf8.count + part.utf8.count * (1 + MemoryLayout<Int>.stride))
            return PythonString.contains(text, part)
        case .dictionary(let members):
            guard element.isHashable else { throw failure("\(element.kind) cannot be a key") }
            guard case .string(let key) = element else { return false }
            try charge(reading: key.utf8.count * 2)
            return members[key] != nil
        case .list, .tuple, .generator, .view, .undefined:
            if case .view(let view) = container { try checkKey(element, of: view) }
            for candidate in try elements(of: container) where try equal(candidate, element) { return true }
            return false
        case .safeText: throw unsupported("'in' after the filter 'safe'")
        default: throw failure("nothing can be in \(container.kind)")
        }
    }

    // MARK: Numbers

    /// The exact order of two numbers; nil when one is NaN or no number.
    private func numericOrder(
        _ left: JinjaValue, _ right: JinjaValue
    ) throws(TextError) -> PythonNumber.Order? {
        switch (left, right) {
        case (.float(let left), .float(let right)): return PythonNumber.order(left, right)
        case (.wideInteger(let left), .wideInteger(let right)):
            return PythonNumber.order(ofDigits: left, right)
        case (.wideInteger, .float), (.float, .wideInteger):
            throw failure("a float is compared with an integer beyond 64 bits")
        case (.wideInteger(let digits), _):
            guard right.asInteger != nil else { return nil }
            return digits.hasPrefix("-") ? .ascending : .descending
        case (_, .wideInteger(let digits)):
            guard left.asInteger != nil else { return nil }
            return digits.hasPrefix("-") ? .descending : .ascending
        case (.float(let left), _):
            guard let right = right.asInteger else { return nil }
            return PythonNumber.order(right, left)?.reversed
        case (_, .float(let right)):
            guard let left = left.asInteger else { return nil }
            return PythonNumber.order(left, right)
        default:
            guard let left = left.asInteger, let right = right.asInteger else { return nil }
            return left < right ? .ascending : left == right ? .same : .descending
        }
    }
}
