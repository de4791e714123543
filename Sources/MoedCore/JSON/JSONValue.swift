/// A JSON value (RFC 8259) as read from a request body, a checkpoint file or a chat template's variables.
///
/// Unlike Foundation's, objects keep the order of their keys. Chat templates print tools in that order (`tojson`),
/// so the order determines the tokens that the model reads.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number written without fraction and exponent that fits 64 bits.
    case integer(Int64)
    /// A number written without fraction and exponent that does not fit 64 bits: its digits as written, with sign.
    /// Templates print it unchanged, because Python's `tojson` has unbounded integers.
    case wideInteger(String)
    /// A number written with a fraction or an exponent.
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object in the order of their first appearance; a repeated key keeps its last value.
package struct JSONObject: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package var key: String
        package var value: JSONValue
    }

    package private(set) var members: [Member] = []
    /// Position of each key. It is built only for large objects (a vocabulary has 151,643 members); small ones are
    /// searched linearly.
    private var index: [ExactString: Int] = [:]
    private static let linearMembersMax = 16

    package init() {}

    package init(_ pairs: [(String, JSONValue)]) {
        for (key, value) in pairs { self[key] = value }
    }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    private func position(of key: String) -> Int? {
        members.count > Self.linearMembersMax
            ? index[ExactString(key)] : members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
    }

    package subscript(key: String) -> JSONValue? {
        get { position(of: key).map { members[$0].value } }
        set {
            guard let newValue else { return remove(key) }
            if let position = position(of: key) {
                members[position].value = newValue
                return
            }
            members.append(Member(key: key, value: newValue))
            if members.count == Self.linearMembersMax + 1 {
                for (position, member) in members.enumerated() { index[ExactString(member.key)] = position }
            } else if members.count > Self.linearMembersMax {
                index[ExactString(key)] = members.count - 1
            }
        }
    }

    private mutating func remove(_ key: String) {
        guard let position = position(of: key) else { return }
        members.remove(at: position)
        index.removeAll(keepingCapacity: true)
        guard members.count > Self.linearMembersMax else { return }
        for (position, member) in members.enumerated() { index[ExactString(member.key)] = position }
    }

    /// The object without its members that are null.
    package var withoutNulls: JSONObject {
        guard members.contains(where: { $0.value == .null }) else { return self }
        return JSONObject(members.compactMap { $0.value == .null ? nil : ($0.key, $0.value) })
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool { left.members == right.members }
}

extension JSONValue {
    /// The member `key` of an object; nil when this is not an object or has no such member.
    package subscript(key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }

    /// The value as an integer: also `3.0`, never `3.5`, never out of range.
    package var integer: Int? {
        switch self {
        case .integer(let value): Int(exactly: value)
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The value as a double, integers converted; nil also for integers beyond a double's range.
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .wideInteger(let digits): Double(digits).flatMap { $0.isFinite ? $0 : nil }
        case .double(let value): value
        default: nil
        }
    }

    /// Shortest text of a number, for messages: 2 rather than 2.0.
    package var shortest: String { integer.map(String.init) ?? serialized() }

    /// Kind of the value, for error messages: "a string", "an object".
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .wideInteger, .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
    package init(nilLiteral: ()) { self = .null }
}
