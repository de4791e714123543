/// The tests: `value is …`.
extension JinjaInterpreter {
    func test(
        _ value: JinjaValue, _ test: JinjaTest, _ arguments: JinjaArguments
    ) throws(TextError) -> Bool {
        try charge(steps: 1)
        if let comparison = test.comparison {
            let bound =
                test == .in
                ? try bind(arguments, ["seq"], required: 1, test.rawValue)
                : try bindUnnamed(arguments, ["other"], required: 1, test.rawValue)
            let other = bound[0] ?? JinjaValue.none
            return try holds(comparison, value, other)
        }
        switch test {
        case .divisibleby:
            let divisor = try bind(arguments, ["num"], required: 1, test.rawValue)[0] ?? JinjaValue.none
            return try equal(try apply(.remainder, value, divisor), .integer(0))
        case .sameas:
            return try isSame(
                value, try bind(arguments, ["other"], required: 1, "sameas")[0] ?? JinjaValue.none)
        default:
            _ = try bind(arguments, [], required: 0, test.rawValue)
            return try plain(value, test)
        }
    }

    /// The tests without arguments.
    private func plain(_ value: JinjaValue, _ test: JinjaTest) throws(TextError) -> Bool {
        switch (test, value) {
        case (.defined, .undefined): return false
        case (.defined, _): return true
        case (.undefined, .undefined): return true
        case (.none, .none): return true
        case (.boolean, .bool): return true
        case (.true, .bool(let value)): return value
        case (.false, .bool(let value)): return !value
        case (.integer, .integer), (.integer, .wideInteger): return true
        case (.float, .float): return true
        case (.number, .bool), (.number, .integer), (.number, .wideInteger), (.number, .float): return true
        case (.string, .string), (.string, .safeText): return true
        case (.mapping, .dictionary): return true
        case (.sequence, .undefined), (.sequence, .string), (.sequence, .list), (.sequence, .tuple),
            (.sequence, .dictionary), (.sequence, .safeText):
            return true
        case (.sequence, .view(let view)): if case .range = view.source { return true } else { return false }
        case (.iterable, .undefined), (.iterable, .string), (.iterable, .list), (.iterable, .tuple),
            (.iterable, .dictionary), (.iterable, .generator), (.iterable, .loop), (.iterable, .view),
            (.iterable, .safeText):
            return true
        case (.callable, .undefined), (.callable, .function), (.callable, .method), (.callable, .macro),
            (.callable, .loop):
            return true
        case (.odd, _), (.even, _):
            return try equal(
                try apply(.remainder, value, .integer(2)), .integer(test == .odd ? 1 : 0))
        case (.upper, _), (.lower, _):
            let text = try text(of: value)
            try charge(reading: text.utf8.count)
            return PythonCase.isAll(upper: test == .upper, text)
        case (.filter, .string(let name)): return JinjaFilter(rawValue: name) != nil
        case (.test, .string(let name)): return JinjaTest(rawValue: name) != nil
        default: return false
        }
    }

    /// Identity, which is plain only for what exists once.
    private func isSame(_ left: JinjaValue, _ right: JinjaValue) throws(TextError) -> Bool {
        switch (left, right) {
        case (.none, .none): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.namespace(let left), .namespace(let right)): return left == right
        case (.none, _), (_, .none), (.bool, _), (_, .bool): return false
        default:
            throw unsupported("'sameas' between \(left.kind) and \(right.kind)")
        }
    }
}

extension JinjaTest {
    /// The operator that the test spells out, if it does.
    var comparison: JinjaComparison? {
        switch self {
        case .eq, .equalto, .equalSign: .equal
        case .ne, .unequalSign: .unequal
        case .lt, .lessthan, .lessSign: .less
        case .le, .lessOrEqualSign: .lessOrEqual
        case .gt, .greaterthan, .greaterSign: .greater
        case .ge, .greaterOrEqualSign: .greaterOrEqual
        case .in: .contained
        default: nil
        }
    }
}
