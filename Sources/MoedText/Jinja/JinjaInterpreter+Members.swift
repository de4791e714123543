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
        case (.dictionary(let members), .string(let name)):
            if let value = members[name] { return value }
            return try property(name, of: object) ?? missing(name, of: object)
        case (_, .string(let name)):
            return try property(name, of: object) ?? missing(name, of: object)
        case (.list(let items), _), (.tuple(let items), _):
            if let index = key.asInteger, let place = Self.place(index, count: items.elements.count) {
                return items.elements[place]
            }
        case (.string(let text), _):
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
            // Of what would change the dictionary, Jinja2's sandbox gives nothing usable.
            return PythonMethods.changingDictionary.contains(name) ? missing(name, of: object) : nil
        case .list: return PythonMethods.ofList.contains(name) ? .method(object, name) : nil
        case .tuple: return PythonMethods.ofTuple.contains(name) ? .method(object, name) : nil
        case .string: return PythonMethods.ofString.contains(name) ? .method(object, name) : nil
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

    mutating func slice(
        _ object: JinjaValue, _ start: Int?, _ end: Int?, _ step: Int?
    ) throws(TextError) -> JinjaValue {
        guard step != 0 else { throw failure("the step of a slice must not be 0") }
        switch object {
        case .list(let items): return try list(Self.slice(items.elements, start, end, step ?? 1))
        case .tuple(let items): return .tuple(try sequence(Self.slice(items.elements, start, end, step ?? 1)))
        case .string(let text):
            try charge(bytes: text.utf8.count * 4)
            return .string(String(scalars: Self.slice(Array(text.unicodeScalars), start, end, step ?? 1)))
        case .undefined(let what): throw failure("\(what) is undefined")
        default: throw failure("\(object.kind) cannot be sliced")
        }
    }

    private static func slice<Element>(
        _ elements: [Element], _ start: Int?, _ end: Int?, _ step: Int
    ) -> [Element] {
        let count = elements.count
        // Going down, a bound may lie before the first element: -1 here.
        let lowest = step > 0 ? 0 : -1
        let highest = step > 0 ? count : count - 1
        func clamped(_ bound: Int) -> Int {
            min(max(bound < 0 ? bound + count : bound, lowest), highest)
        }
        let first = start.map(clamped) ?? (step > 0 ? lowest : highest)
        let stop = end.map(clamped) ?? (step > 0 ? highest : lowest)
        // A longer step takes the first element alone too, and cannot overflow.
        let stride = min(max(step, -count - 1), count + 1)
        var slice: [Element] = []
        var place = first
        while step > 0 ? place < stop : place > stop {
            slice.append(elements[place])
            place += stride
        }
        return slice
    }
}
