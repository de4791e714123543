/// `object.name`, `object[key]` and slices.
extension JinjaInterpreter {
    /// `object.name`: a method or property first, then the dictionary's member of that name.
    func attribute(_ name: String, of object: JinjaValue) throws(TextError) -> JinjaValue {
        if let property = try property(name, of: object) { return property }
        if case .dictionary(let members) = object, let value = members[name] { return value }
        return missing(name, of: object)
    }

    /// `object[key]`: the dictionary's member or list's element first, then a property of that name.
    func item(_ key: JinjaValue, of object: JinjaValue) throws(TextError) -> JinjaValue {
        switch (object, key) {
        case (.undefined(let what), _): throw failure("\(what) is undefined")
        case (.safeText, _): throw unsupported("'[]' after the filter 'safe'")
        case (.dictionary(let members), .string(let name)):
            try charge(reading: name.utf8.count * 2)
            if let value = members[name] { return value }
            return try property(name, of: object) ?? missing(name, of: object)
        case (_, .string(let name)):
            return try property(name, of: object) ?? missing(name, of: object)
        case (.list(let items), _), (.tuple(let items), _):
            if let index = key.asInteger, let place = Self.place(index, count: items.elements.count) {
                return items.elements[place]
            }
        case (.view(let view), _):
            if case .range = view.source, let index = key.asInteger,
                let place = Self.place(index, count: view.items.elements.count)
            {
                return view.items.elements[place]
            }
        case (.string(let text), _):
            try charge(reading: min(text.utf8.count, Int(clamping: key.asInteger?.magnitude ?? 0) &* 4))
            if let index = key.asInteger, let scalar = Self.scalar(index, of: text) {
                return .string(String(scalar))
            }
        default: break
        }
        return .undefined("an element of \(object.kind)")
    }

    private func missing(_ name: String, of object: JinjaValue) -> JinjaValue {
        .undefined("'\(name)' of \(object.kind)")
    }

    private func property(_ name: String, of object: JinjaValue) throws(TextError) -> JinjaValue? {
        switch object {
        case .undefined(let what): throw failure("\(what) is undefined, so it has no '\(name)'")
        case .namespace(let index): return namespaces[index][name]
        case .loop(let loop): return property(name, of: loop)
        case .dictionary:
            if PythonMethods.ofDictionary.contains(name) { return .method(object, name) }
            // Jinja2's sandbox gives nothing usable for methods that would change the dictionary.
            return PythonMethods.changingDictionary.contains(name) ? missing(name, of: object) : nil
        case .list: return PythonMethods.ofList.contains(name) ? .method(object, name) : nil
        case .tuple: return PythonMethods.ofTuple.contains(name) ? .method(object, name) : nil
        case .string: return PythonMethods.ofString.contains(name) ? .method(object, name) : nil
        case .view(let view): return try property(name, of: view)
        case .safeText: throw unsupported("'.\(name)' after the filter 'safe'")
        case .none: return nil
        case .bool, .integer, .wideInteger, .float, .generator, .macro, .function, .method:
            guard !PythonMethods.ofOthers.contains(name) else {
                throw unsupported("'.\(name)' of \(object.kind)")
            }
            return nil
        }
    }

    private func property(_ name: String, of view: JinjaView) throws(TextError) -> JinjaValue? {
        switch (view.source, name) {
        case (.range(let start, _, _), "start"): return .integer(start)
        case (.range(_, let end, _), "stop"): return .integer(end)
        case (.range(_, _, let step), "step"): return .integer(step)
        case (.range, "count"), (.range, "index"): return .method(.view(view), name)
        case (.keys, "isdisjoint"), (.items, "isdisjoint"), (.keys, "mapping"), (.values, "mapping"),
            (.items, "mapping"):
            throw unsupported("'.\(name)' of \(view.kind)")
        default: return nil
        }
    }

    private func property(_ name: String, of loop: JinjaLoop) -> JinjaValue? {
        let count = loop.items.elements.count
        switch name {
        case "index": return .integer(loop.index + 1)
        case "index0": return .integer(loop.index)
        case "revindex": return .integer(count - loop.index)
        case "revindex0": return .integer(count - loop.index - 1)
        case "first": return .bool(loop.index == 0)
        case "last": return .bool(loop.index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(1)
        case "depth0": return .integer(0)
        case "previtem":
            return loop.index > 0 ? loop.items.elements[loop.index - 1] : .undefined("the previous item")
        case "nextitem":
            return loop.index + 1 < count ? loop.items.elements[loop.index + 1] : .undefined("the next item")
        case "cycle": return .method(.loop(loop), name)
        default: return nil
        }
    }

    /// The element that an index, counted from the end when negative, stands for.
    private static func place(_ index: Int, count: Int) -> Int? {
        let place = index < 0 ? index + count : index
        return place >= 0 && place < count ? place : nil
    }

    private static func scalar(_ index: Int, of text: String) -> Unicode.Scalar? {
        let scalars = text.unicodeScalars
        if index >= 0 { return scalars.dropFirst(index).first }
        return index == Int.min ? nil : scalars.dropLast(-index - 1).last
    }

    // MARK: Slices

    func slice(
        _ object: JinjaValue, _ start: Int?, _ end: Int?, _ step: Int?
    ) throws(TextError) -> JinjaValue {
        guard step != 0 else { throw failure("the step of a slice must not be 0") }
        let step = step ?? 1
        switch object {
        case .list(let items): return try list(try elements(items.elements, start, end, step), isPaid: true)
        case .tuple(let items):
            return .tuple(try sequence(try elements(items.elements, start, end, step), isPaid: true))
        case .string(let text):
            try charge(bytes: MemoryLayout<Unicode.Scalar>.stride, times: text.utf8.count)
            let scalars = Array(text.unicodeScalars)
            let places = JinjaSlice(start, end, step, count: scalars.count)
            try charge(bytes: MemoryLayout<Unicode.Scalar>.stride, times: places.count)
            return .string(String(scalars: places.map { scalars[$0] }))
        case .view(let view):
            guard case .range(let first, _, let stride) = view.source else {
                throw failure("\(object.kind) cannot be sliced")
            }
            let places = JinjaSlice(start, end, step, count: view.items.elements.count)
            return .view(
                try range(
                    start: try exact(first, plus: places.start, times: stride),
                    end: try exact(first, plus: places.end, times: stride),
                    step: try exact(0, plus: step, times: stride), count: places.count))
        case .undefined(let name): throw failure("\(name) is undefined")
        case .safeText: throw unsupported("'[]' after the filter 'safe'")
        default: throw failure("\(object.kind) cannot be sliced")
        }
    }

    private func exact(_ base: Int, plus factor: Int, times step: Int) throws(TextError) -> Int {
        try exact(base.addingReportingOverflow(try exact(factor.multipliedReportingOverflow(by: step))))
    }

    private func elements(
        _ elements: [JinjaValue], _ start: Int?, _ end: Int?, _ step: Int
    ) throws(TextError) -> [JinjaValue] {
        let places = JinjaSlice(start, end, step, count: elements.count)
        try charge(elements: places.count)
        return places.map { elements[$0] }
    }
}

/// The places that `[start:end:step]` takes of a sequence.
private struct JinjaSlice: Sequence, IteratorProtocol {
    let start: Int
    /// The place before which the slice ends; -1 for the beginning when it goes down.
    let end: Int
    let count: Int
    private let stride: Int
    private var taken = 0

    /// - Precondition: the step is not 0.
    init(_ start: Int?, _ end: Int?, _ step: Int, count: Int) {
        // Going down, a bound may lie before the first element: -1 here.
        let lowest = step > 0 ? 0 : -1
        let highest = step > 0 ? count : count - 1
        func clamped(_ bound: Int) -> Int {
            Swift.min(Swift.max(bound < 0 ? bound + count : bound, lowest), highest)
        }
        self.start = start.map(clamped) ?? (step > 0 ? lowest : highest)
        self.end = end.map(clamped) ?? (step > 0 ? highest : lowest)
        // A longer step takes the first element alone too, and cannot overflow.
        stride = Swift.min(Swift.max(step, -count - 1), count + 1)
        let distance = step > 0 ? self.end - self.start : self.start - self.end
        self.count = distance > 0 ? (distance - 1) / abs(stride) + 1 : 0
    }

    mutating func next() -> Int? {
        guard taken < count else { return nil }
        defer { taken += 1 }
        return start + taken * stride
    }
}
