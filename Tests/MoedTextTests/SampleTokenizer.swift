import Foundation
import MoedCore
import MoedText
import TestSupport

/// The sample model's tokenizer file, as it is and changed.
enum SampleTokenizer {
    static let file = Fixtures.sampleModel.appending(path: "tokenizer.json")

    static func json() throws -> JSONValue { try JSONValue(parsing: Fixtures.bytes(file)) }

    static func load() throws -> Tokenizer {
        try Tokenizer(tokenizerJSON: Fixtures.bytes(file), file: "tokenizer.json")
    }

    static func load(_ json: JSONValue) throws(TextError) -> Tokenizer {
        try Tokenizer(tokenizerJSON: Array(json.serialized().utf8), file: "tokenizer.json")
    }
}

extension JSONValue {
    /// The value with the member at `path` replaced; a path element that is a number names an array's element.
    func setting(_ path: [String], to value: JSONValue) -> JSONValue {
        guard let first = path.first else { return value }
        let rest = Array(path.dropFirst())
        switch self {
        case .object(var object):
            object[first] = (object[first] ?? .object(JSONObject())).setting(rest, to: value)
            return .object(object)
        case .array(var array):
            guard let index = Int(first), array.indices.contains(index) else { return self }
            array[index] = array[index].setting(rest, to: value)
            return .array(array)
        default: return self
        }
    }

    /// The value without the member at `path`.
    func removing(_ path: [String]) -> JSONValue {
        guard let first = path.first, case .object(var object) = self else { return self }
        let rest = Array(path.dropFirst())
        if rest.isEmpty {
            let kept = object.members.filter { $0.key != first }
            return .object(JSONObject(kept.map { ($0.key, $0.value) }))
        }
        if let member = object[first] { object[first] = member.removing(rest) }
        return .object(object)
    }
}
