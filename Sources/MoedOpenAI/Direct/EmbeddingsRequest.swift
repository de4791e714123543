import MoedCore

/// The body of `POST /v1/embeddings`: a job for each input.
struct EmbeddingsRequest: Sendable, Equatable {
    /// Encoding of the answer's vectors.
    enum Encoding: String, Sendable { case float, base64 }

    var bodies: [String]
    var encoding = Encoding.float

    private static let inputsMax = 2048

    init(_ bytes: [UInt8]) throws(APIError) {
        var body = try RequestBody.object(bytes)
        let inputs = try Self.inputs(body["input"] ?? .null)
        for name in ["messages", "prompt_ids", "prompt_text", "max_tokens"] where body[name] != nil {
            throw .invalid(
                "\(name) is no parameter of /v1/embeddings: use input", param: name, code: "unknown_parameter")
        }
        switch body["encoding_format"] ?? .null {
        case .null: break
        case let value:
            guard let encoding = value.string.flatMap(Encoding.init(rawValue:)) else {
                throw .invalid("encoding_format must be float or base64", param: "encoding_format")
            }
            self.encoding = encoding
        }
        body["encoding_format"] = nil
        // The length class of the job has no room for an answer.
        body["max_tokens"] = 1
        let common = body
        bodies = inputs.map { input in
            var body = common
            body["input"] = input
            return JSONValue.object(body).serialized()
        }
    }

    private static func inputs(_ value: JSONValue) throws(APIError) -> [JSONValue] {
        let list: [JSONValue]
        switch value {
        case .array(let elements): list = elements.first?.integer != nil ? [value] : elements
        case .null: throw .invalid("input is missing", param: "input", code: "missing_required_parameter")
        default: list = [value]
        }
        guard (1...inputsMax).contains(list.count) else {
            throw .invalid("input has 1 to \(inputsMax) texts, not \(list.count)", param: "input")
        }
        for input in list {
            switch input {
            case .string(let text) where !text.isEmpty: break
            case .array(let ids) where !ids.isEmpty && ids.allSatisfy { $0.integer != nil }: break
            default:
                throw .invalid(
                    "input must be a text, a list of token ids, or a list of either, and none of them empty",
                    param: "input")
            }
        }
        return list
    }
}
