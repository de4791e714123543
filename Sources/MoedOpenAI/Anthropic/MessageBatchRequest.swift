import MoedCore

/// The body of `POST /v1/messages/batches`, as lines of a batch file of the queue.
package struct MessageBatchRequest: Sendable, Equatable {
    /// Lines in OpenAI's batch format, each with its end.
    package var lines: [String]

    private static let requestsMax = 100_000

    package init(_ bytes: [UInt8]) throws(APIError) {
        let body = try RequestBody.object(bytes)
        guard let requests = body["requests"]?.array, (1...Self.requestsMax).contains(requests.count) else {
            throw .invalid("requests must be a list of 1 to \(Self.requestsMax) requests", param: "requests")
        }
        lines = []
        for (index, request) in requests.enumerated() {
            let place = "requests[\(index)]"
            guard let id = request["custom_id"]?.string, let params = request["params"]?.object else {
                throw .invalid("\(place) must have custom_id, a string, and params, an object", param: place)
            }
            let line: JSONValue = [
                "custom_id": .string(id), "method": "POST", "url": "/v1/chat/completions",
                "body": .object(try MessageParams.chat(params, "\(place).params")),
            ]
            lines.append(line.serialized() + "\n")
        }
    }
}

/// Parameters of a message of Anthropic's API, as a chat of the queue.
enum MessageParams {
    /// Members that are the same in a chat.
    private static let same = ["model", "max_tokens", "temperature", "top_p", "top_k", "seed"]
    /// Members that change no answer.
    private static let ignored: Set = ["metadata", "service_tier", "stream", "inference_geo"]
    private static let known = Set(same).union(ignored).union(["messages", "system", "stop_sequences", "thinking"])

    static func chat(_ params: JSONObject, _ place: String) throws(APIError) -> JSONObject {
        for member in params.withoutNulls.members where !known.contains(member.key) {
            throw .invalid(
                "\(place).\(member.key.prefix(64)) is not supported: this dialect takes text alone",
                param: "\(place).\(member.key)", code: "unsupported_parameter")
        }
        guard params["stream"]?.bool != true else {
            throw .invalid("\(place).stream must be false in a batch", param: "\(place).stream")
        }
        guard let limit = params["max_tokens"]?.integer, limit > 0 else {
            throw .invalid("\(place).max_tokens must be a whole number above 0", param: "\(place).max_tokens")
        }
        try check(params, place)
        var body = JSONObject(same.compactMap { name in params[name].map { (name, $0) } })
        body["messages"] = .array(try messages(params, place))
        body["stop"] = params["stop_sequences"].flatMap { $0 == .null ? nil : $0 }
        let thinking = params["thinking"] ?? .null
        body["chat_template_kwargs"] = ["enable_thinking": .bool(thinking["type"] == "enabled")]
        if thinking["type"] == "enabled" { body["thinking_token_budget"] = thinking["budget_tokens"] }
        return body
    }

    /// Kinds of the members; their ranges are checked when a job runs.
    private static func check(_ params: JSONObject, _ place: String) throws(APIError) {
        let isText = { (value: JSONValue) in value.string != nil }
        let isNumber = { (value: JSONValue) in value.number != nil }
        let isWhole = { (value: JSONValue) in value.integer != nil }
        let kinds: [(name: String, kind: String, isRight: (JSONValue) -> Bool)] = [
            ("model", "a string", isText), ("temperature", "a number", isNumber), ("top_p", "a number", isNumber),
            ("top_k", "a whole number", isWhole),
            ("stop_sequences", "a list of strings", { $0.array?.allSatisfy(isText) ?? false }),
            ("thinking", "an object", { $0.object != nil }),
        ]
        for (name, kind, isRight) in kinds {
            guard let value = params[name], value != .null, !isRight(value) else { continue }
            throw .invalid("\(place).\(name) must be \(kind)", param: "\(place).\(name)")
        }
    }

    private static func messages(_ params: JSONObject, _ place: String) throws(APIError) -> [JSONValue] {
        guard let given = params["messages"]?.array, !given.isEmpty else {
            throw .invalid("\(place).messages must be a list of messages", param: "\(place).messages")
        }
        var messages: [JSONValue] = []
        if let system = params["system"], system != .null {
            messages.append(["role": "system", "content": .string(try text(system, "\(place).system"))])
        }
        for (index, message) in given.enumerated() {
            let name = "\(place).messages[\(index)]"
            guard let role = message["role"]?.string, ["user", "assistant"].contains(role) else {
                throw .invalid("\(name).role must be user or assistant", param: "\(name).role")
            }
            messages.append([
                "role": .string(role), "content": .string(try text(message["content"] ?? .null, "\(name).content")),
            ])
        }
        return messages
    }

    /// A text, or the texts of a list of blocks. Thoughts of earlier answers are left out.
    private static func text(_ content: JSONValue, _ place: String) throws(APIError) -> String {
        if let text = content.string { return text }
        var text = ""
        let blocks = content.array ?? []
        for (index, block) in (blocks.isEmpty ? [.null] : blocks).enumerated() {
            if block["type"] == "thinking" || block["type"] == "redacted_thinking" { continue }
            guard block["type"] == "text", let piece = block["text"]?.string else {
                throw .invalid("\(place)[\(index)] must be a text", param: "\(place)[\(index)]")
            }
            text += piece
        }
        return text
    }
}
