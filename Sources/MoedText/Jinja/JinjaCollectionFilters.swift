/// Filters that look at the elements of a value.
extension JinjaInterpreter {
    func collectionFilter(
        _ value: JinjaValue, _ filter: JinjaFilter, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        switch filter {
        case .join: return try joined(value, arguments)
        case .sum: return try sum(value, arguments)
        case .min, .max: return try extreme(value, filter, arguments)
        case .sort: return try sorted(value, arguments)
        case .unique: return try unique(value, arguments)
        case .dictsort: return try sortedMembers(value, arguments)
        case .map: return try mapped(value, arguments)
        case .select, .reject, .selectattr, .rejectattr: return try selected(value, filter, arguments)
        default:
            _ = try bind(arguments, [], required: 0, filter.rawValue)
            return try plainCollection(value, filter)
        }
    }

    private func plainCollection(
        _ value: JinjaValue, _ filter: JinjaFilter
    ) throws(TextError) -> JinjaValue {
        switch filter {
        case .first:
            if case .generator(let index) = value, !generators[index].isEmpty {
                try charge(reading: MemoryLayout<JinjaValue>.stride * generators[index].count)
                return generators[index].removeFirst()
            }
            return try elements(of: value).first ?? .undefined("the first item of an empty sequence")
        case .last:
            if case .generator = value { throw failure("'last' of a generator") }
            return try elements(of: value).last ?? .undefined("the last item of an empty sequence")
        case .length, .count: return .integer(try length(of: value))
        case .reverse:
            if case .string(let text) = value {
                try charge(bytes: text.utf8.count)
                return .string(String(scalars: text.unicodeScalars.reversed()))
            }
            let elements = try elements(of: value)
            try charge(elements: elements.count)
            // Python goes through a sequence backwards without a list, but needs one for the rest.
            if case .generator = value { return try list(elements.reversed(), isPaid: true) }
            return try generator(elements.reversed(), isPaid: true)
        default: return try list(try elements(of: value))
        }
    }

    func length(of value: JinjaValue) throws(TextError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let text):
            try charge(reading: text.utf8.count)
            return text.unicodeScalars.count
        case .list(let items), .tuple(let items): return items.elements.count
        case .view(let view): return view.items.elements.count
        case .dictionary(let members): return members.members.count
        case .loop(let loop): return loop.items.elements.count
        default: throw failure("\(value.kind) has no length")
        }
    }

    // MARK: Attributes

    /// `item.a.b` or `item.0` for the path `a.b` or `0`; the item itself without a path.
    private func member(
        _ path: JinjaValue?, of item: JinjaValue, default fallback: JinjaValue? = nil
    ) throws(TextError) -> JinjaValue {
        func orFallback(_ value: JinjaValue) -> JinjaValue {
            if case .undefined = value, let fallback { fallback } else { value }
        }
        switch path {
        case nil, .some(.none): return item
        case .some(.integer): return orFallback(try self.item(path ?? .integer(0), of: item))
        case .some(.string(let path)):
            try charge(steps: 1)
            try charge(reading: path.utf8.count * 4)
            var value = item
            for part in PythonString.split(path, by: ".", splitsMax: -1, fromEnd: false) {
                let isIndex = !part.isEmpty && part.unicodeScalars.allSatisfy(\.isDecimalDigitASCII)
                let key = isIndex ? Int(part).map { JinjaValue.integer($0) } : nil
                value = orFallback(try self.item(key ?? .string(part), of: value))
            }
            return value
        case .some(let other): throw failure("an attribute's name is a string, not \(other.kind)")
        }
    }

    /// The values to compare: of the attribute named, and with letters' case ignored unless it counts.
    private func keys(
        of items: [JinjaValue], attribute: JinjaValue?, caseSensitive: JinjaValue?
    ) throws(TextError) -> [JinjaValue] {
        try charge(elements: items.count)
        var keys: [JinjaValue] = []
        for item in items {
            let key = try member(attribute, of: item)
            if case .string(let text) = key, caseSensitive?.isTrue != true {
                try charge(bytes: PythonCase.growthMax, times: text.utf8.count)
                keys.append(.string(PythonCase.lower(text)))
            } else {
                keys.append(key)
            }
        }
        return keys
    }

    // MARK: Folding

    private func joined(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError)
        -> JinjaValue
    {
        let values = try bind(arguments, ["d", "attribute"], required: 0, "join")
        var texts: [String] = []
        for item in try elements(of: value) {
            let part = try member(values[1], of: item)
            try charge(bytes: MemoryLayout<String>.stride)
            texts.append(try text(of: part))
        }
        return try joined(texts, by: try text(of: values[0] ?? .string("")))
    }

    private func sum(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError)
        -> JinjaValue
    {
        let values = try bind(arguments, ["attribute", "start"], required: 0, "sum")
        var total = values[1] ?? .integer(0)
        if case .string = total { throw failure("'sum' does not add strings") }
        for item in try elements(of: value) {
            try charge(steps: 1)
            total = try apply(.add, total, try member(values[0], of: item))
        }
        return total
    }

    private func extreme(
        _ value: JinjaValue, _ filter: JinjaFilter, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        let values = try bind(arguments, ["case_sensitive", "attribute"], required: 0, filter.rawValue)
        let items = try elements(of: value)
        let keys = try keys(of: items, attribute: values[1], caseSensitive: values[0])
        guard var best = items.indices.first else {
            return .undefined("'\(filter.rawValue)' of an empty sequence")
        }
        for place in items.indices.dropFirst() {
            let isBetter =
                filter == .min ? try precedes(keys[place], keys[best]) : try precedes(keys[best], keys[place])
            if isBetter { best = place }
        }
        return items[best]
    }

    // MARK: Order

    /// Memory of a list of one element, as the allocator rounds it.
    private static let listBytes = 64

    private func sorted(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError)
        -> JinjaValue
    {
        let values = try bind(arguments, ["reverse", "case_sensitive", "attribute"], required: 0, "sort")
        let items = try elements(of: value)
        var paths: [JinjaValue?] = [values[2]]
        if let path = values[2]?.asString {
            paths = PythonString.split(path, by: ",", splitsMax: -1, fromEnd: false).map { .string($0) }
        }
        // A list of one value each, or of one for each attribute: equal values have no order that could fail.
        try charge(bytes: Self.listBytes, times: items.count)
        var keys = Array(repeating: [JinjaValue](), count: items.count)
        for path in paths {
            let parts = try self.keys(of: items, attribute: path, caseSensitive: values[1])
            try charge(elements: parts.count)
            for (place, part) in parts.enumerated() { keys[place].append(part) }
        }
        let order = try order(
            of: keys.map { .list(JinjaSequence($0)) }, isReversed: values[0]?.isTrue ?? false)
        return try list(order.map { items[$0] })
    }

    private func sortedMembers(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        let values = try bind(arguments, ["case_sensitive", "by", "reverse"], required: 0, "dictsort")
        guard case .dictionary(let members) = value else {
            throw failure("'dictsort' needs a dictionary, not \(value.kind)")
        }
        let by = try values[1].map { (by) throws(TextError) in try text(by, "dictsort") } ?? "key"
        guard by == "key" || by == "value" else { throw failure("'dictsort' sorts by 'key' or 'value'") }
        let pairs = try pairs(of: members)
        let keys = try keys(of: pairs, attribute: .integer(by == "key" ? 0 : 1), caseSensitive: values[0])
        let order = try order(of: keys, isReversed: values[2]?.isTrue ?? false)
        return try list(order.map { pairs[$0] })
    }

    /// The places of the keys in rising order; equal keys keep theirs, also when the order is reversed. A merge
    /// sort, as comparing can fail.
    private func order(of keys: [JinjaValue], isReversed: Bool) throws(TextError) -> [Int] {
        var order = Array(keys.indices)
        var width = 1
        while width < order.count {
            var merged: [Int] = []
            merged.reserveCapacity(order.count)
            for start in stride(from: 0, to: order.count, by: 2 * width) {
                let middle = min(start + width, order.count)
                let end = min(start + 2 * width, order.count)
                var (left, right) = (start, middle)
                while left < middle, right < end {
                    let (first, second) = (keys[order[left]], keys[order[right]])
                    let takesRight = isReversed ? try precedes(first, second) : try precedes(second, first)
                    merged.append(order[takesRight ? right : left])
                    if takesRight { right += 1 } else { left += 1 }
                }
                merged += order[left..<middle]
                merged += order[right..<end]
            }
            order = merged
            width *= 2
        }
        return order
    }

    private func unique(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError)
        -> JinjaValue
    {
        let values = try bind(arguments, ["case_sensitive", "attribute"], required: 0, "unique")
        let items = try elements(of: value)
        let keys = try keys(of: items, attribute: values[1], caseSensitive: values[0])
        var kept: [Int] = []
        for place in items.indices {
            guard keys[place].isHashable else { throw failure("'unique' cannot compare \(keys[place].kind)") }
            var isNew = true
            for earlier in kept where try equal(keys[earlier], keys[place]) {
                isNew = false
                break
            }
            if isNew { kept.append(place) }
        }
        return try generator(kept.map { items[$0] })
    }

    // MARK: map and select

    private func mapped(_ value: JinjaValue, _ arguments: JinjaArguments) throws(TextError)
        -> JinjaValue
    {
        guard value.isTrue else { return try generator([]) }
        var results: [JinjaValue] = []
        if arguments.positional.isEmpty {
            let values = try bind(arguments, ["attribute", "default"], required: 1, "map")
            var fallback = values[1]
            if case .some(.none) = fallback { fallback = nil }
            for item in try elements(of: value) {
                results.append(try member(values[0], of: item, default: fallback))
            }
            return try generator(results)
        }
        let name = try text(arguments.positional.first, "map")
        guard let filter = JinjaFilter(rawValue: name) else {
            throw unsupported("the filter '\(name)'")
        }
        let rest = JinjaArguments(
            positional: Array(arguments.positional.dropFirst()), named: arguments.named)
        for item in try elements(of: value) { results.append(try self.filter(item, filter, rest)) }
        return try generator(results)
    }

    /// `select`, `reject` and their `attr` twins: by truth, or by the test named.
    private func selected(
        _ value: JinjaValue, _ filter: JinjaFilter, _ arguments: JinjaArguments
    ) throws(TextError) -> JinjaValue {
        guard value.isTrue else { return try generator([]) }
        var rest = arguments.positional[...]
        var attribute: JinjaValue?
        if filter == .selectattr || filter == .rejectattr {
            guard let first = rest.popFirst() else {
                throw failure("'\(filter.rawValue)' needs an attribute")
            }
            attribute = first
        }
        var test: JinjaTest?
        if let first = rest.popFirst() {
            let name = try text(first, filter.rawValue)
            guard let found = JinjaTest(rawValue: name) else {
                throw unsupported("the test '\(name)'")
            }
            test = found
        }
        let testArguments = JinjaArguments(positional: Array(rest), named: arguments.named)
        let keepsTrue = filter == .select || filter == .selectattr
        var kept: [JinjaValue] = []
        for item in try elements(of: value) {
            try charge(steps: 1)
            let tested = try member(attribute, of: item)
            let holds = try test.map { test throws(TextError) in try self.test(tested, test, testArguments) }
            if (holds ?? tested.isTrue) == keepsTrue { kept.append(item) }
        }
        return try generator(kept)
    }
}
