/// Typed access to the members of a request body. It records the name of every member that was asked for.
///
/// A member that is null counts as absent, as in OpenAI's API.
final class RequestFields {
    private let object: JSONObject
    private var known: Set<String> = []

    init(_ object: JSONObject) { self.object = object }

    subscript(name: String) -> JSONValue? {
        known.insert(name)
        guard let value = object[name], value != .null else { return nil }
        return value
    }

    private func typed<T>(_ name: String, _ kind: String, _ read: (JSONValue) -> T?) throws(RequestError)
        -> T?
    {
        guard let value = self[name] else { return nil }
        guard let result = read(value) else {
            throw RequestError(.invalidValue, param: name, "\(name) must be \(kind), not \(value.kind)")
        }
        return result
    }

    func string(_ name: String) throws(RequestError) -> String? { try typed(name, "a string", \.string) }
    func bool(_ name: String) throws(RequestError) -> Bool? { try typed(name, "a boolean", \.bool) }
    func object(_ name: String) throws(RequestError) -> JSONObject? { try typed(name, "an object", \.object) }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(RequestError) -> Int? {
        guard let value = try numeric(name, "a whole number") else { return nil }
        let bits = range == Int.min...Int.max ? " (64 bits)" : ""
        let bounds = "\(range.lowerBound)…\(range.upperBound)\(bits)"
        guard let integer = value.integer else {
            // A fraction is never whole; a whole number may still be too large for 64 bits.
            guard value.number.map({ $0.rounded() == $0 }) ?? true else {
                throw RequestError(
                    .invalidValue, param: name, "\(name) must be a whole number, not \(value.shortest.prefix(40))")
            }
            throw Self.outside(bounds, name, value)
        }
        guard range.contains(integer) else { throw Self.outside(bounds, name, value) }
        return integer
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(RequestError) -> Double? {
        guard let value = try numeric(name, "a number") else { return nil }
        guard let number = value.number, range.contains(number) else {
            let bounds = [range.lowerBound, range.upperBound].map { JSONValue.double($0).shortest }
            throw Self.outside(bounds.joined(separator: "…"), name, value)
        }
        return number
    }

    private func numeric(_ name: String, _ kind: String) throws(RequestError) -> JSONValue? {
        try typed(name, kind) { value -> JSONValue? in
            switch value {
            case .integer, .wideInteger, .double: value
            // PostgreSQL writes such numbers as strings.
            case .string("NaN"), .string("Infinity"), .string("-Infinity"): value
            default: nil
            }
        }
    }

    private static func outside(_ bounds: String, _ name: String, _ value: JSONValue) -> RequestError {
        let shown = (value.string ?? value.shortest).prefix(40)
        return RequestError(.invalidValue, param: name, "\(name) is \(shown), but must be in \(bounds)")
    }

    func tokens(_ name: String) throws(RequestError) -> [TokenID]? {
        guard let values = try typed(name, "an array of token ids", \.array) else { return nil }
        var tokens: [TokenID] = []
        tokens.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard let id = value.integer.flatMap({ TokenID(exactly: $0) }), id >= 0 else {
                throw RequestError(
                    .invalidValue, param: "\(name)[\(index)]", "a token id must be a whole number ≥ 0")
            }
            tokens.append(id)
        }
        return tokens
    }

    /// Reads `stop`: one string or a list. An empty string is refused because it matches everywhere.
    func stopStrings() throws(RequestError) -> [String] {
        guard let value = self["stop"] else { return [] }
        let list = value.array ?? [value]
        guard list.count <= RequestLimit.stopStringsMax else {
            throw RequestError(
                .invalidValue, param: "stop", "more than \(RequestLimit.stopStringsMax) stop strings")
        }
        var strings: [String] = []
        for element in list {
            guard let text = element.string, !text.isEmpty, text.utf8.count <= RequestLimit.stopStringBytesMax
            else {
                throw RequestError(
                    .invalidValue, param: "stop",
                    "stop must be a string or a list of strings of 1 to \(RequestLimit.stopStringBytesMax) bytes"
                )
            }
            strings.append(text)
        }
        return strings
    }

    /// Refuses a field of an unsupported feature, unless its value switches the feature off.
    func refuse(_ name: String, unless harmless: [JSONValue], _ reason: String) throws(RequestError) {
        guard let value = self[name], !harmless.contains(where: { Self.isSame($0, value) }) else { return }
        throw RequestError(.unsupported, param: name, "\(name) is not supported: \(reason)")
    }

    /// Numbers are equal however they are written: 1 and 1.0.
    private static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if let number = left.number { return number == right.number }
        return left == right
    }

    /// Refuses members that were not asked for. Null members count as absent.
    func refuseOthers(but ignored: Set<String>) throws(RequestError) {
        for member in object.members
        where !known.contains(member.key) && !ignored.contains(member.key) && member.value != .null {
            throw UnsupportedParameters.unknown(member.key)
        }
    }
}
