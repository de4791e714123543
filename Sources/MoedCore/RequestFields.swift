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
            // The message shows the number itself: "must be a whole number, not a number" does not help.
            let shown = value.number.map { JSONValue.double($0).shortest } ?? value.kind
            throw RequestError(.invalidValue, param: name, "\(name) must be \(kind), not \(shown)")
        }
        return result
    }

    func string(_ name: String) throws(RequestError) -> String? { try typed(name, "a string", \.string) }
    func bool(_ name: String) throws(RequestError) -> Bool? { try typed(name, "a boolean", \.bool) }
    func object(_ name: String) throws(RequestError) -> JSONObject? { try typed(name, "an object", \.object) }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(RequestError) -> Int? {
        guard let value = try typed(name, "a whole number", { value -> Int? in value.integer }) else {
            return nil
        }
        guard range.contains(value) else {
            throw RequestError(
                .invalidValue, param: name,
                "\(name) is \(value), but must be in \(range.lowerBound)…\(range.upperBound)")
        }
        return value
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(RequestError) -> Double? {
        guard let value = try typed(name, "a number", \.number) else { return nil }
        guard range.contains(value) else {
            throw RequestError(
                .invalidValue, param: name,
                "\(name) is \(JSONValue.double(value).shortest), "
                    + "but must be in \(JSONValue.double(range.lowerBound).shortest)"
                    + "…\(JSONValue.double(range.upperBound).shortest)"
            )
        }
        return value
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
        guard let value = self[name], !harmless.contains(value) else { return }
        throw RequestError(.unsupported, param: name, "\(name) is not supported: \(reason)")
    }

    func refuseOthers(but ignored: Set<String>) throws(RequestError) {
        for member in object.members where !known.contains(member.key) && !ignored.contains(member.key) {
            throw RequestError(.unknownField, param: member.key, "unknown parameter \(member.key)")
        }
    }
}
