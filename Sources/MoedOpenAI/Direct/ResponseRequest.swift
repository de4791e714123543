import MoedCore

/// The body of `POST /v1/responses`, as a chat of the queue. Text goes in and out; nothing is stored between calls.
struct ResponseRequest: Sendable, Equatable {
    var body: String
    var isStreamed: Bool
    /// Members of the request that the answer repeats.
    var frame: ResponseFrame

    /// Name, values that change nothing, reason of the refusal.
    private static let refused: [(name: String, harmless: [JSONValue], reason: String)] = [
        ("previous_response_id", [], "responses are not kept: send the whole conversation as input"),
        ("conversation", [], "responses are not kept: send the whole conversation as input"),
        ("background", [false], "make a batch"), ("prompt", [], "prompts are not kept: send them as instructions"),
        ("tools", [[]], "use /v1/chat/completions"), ("tool_choice", ["auto", "none"], "use /v1/chat/completions"),
        ("max_tool_calls", [], "use /v1/chat/completions"), ("truncation", ["disabled"], "prompts are never cut"),
        ("n", [1], "a response has one answer"), ("top_logprobs", [0], "use /v1/chat/completions"),
        ("messages", [], "the member is called input"), ("max_tokens", [], "the member is called max_output_tokens"),
        ("context_management", [[]], "prompts are never cut"),
    ]
    /// Members that change no answer.
    private static let ignored = [
        "store", "parallel_tool_calls", "include", "service_tier", "user", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention",
    ]

    init(_ bytes: [UInt8]) throws(APIError) {
        var body = try RequestBody.object(bytes).withoutNulls
        isStreamed = try StreamOptions(takenFrom: &body).isOn
        for row in Self.refused {
            guard let value = body[row.name] else { continue }
            guard row.harmless.contains(value) else {
                throw .invalid(
                    "\(row.name) is not supported: \(row.reason)", param: row.name, code: "unsupported_parameter")
            }
            body[row.name] = nil
        }
        for name in Self.ignored { body[name] = nil }
        frame = ResponseFrame(body)
        var messages = try ResponseInput.messages(body["input"])
        if let value = body["instructions"] {
            guard let text = value.string else {
                throw .invalid("instructions must be a string", param: "instructions")
            }
            messages = ResponseInput.beginning(with: text, messages)
        }
        try Self.rename(&body)
        body["messages"] = .array(messages)
        self.body = JSONValue.object(body).serialized()
    }

    /// Gives members the names that they have in a chat.
    private static func rename(_ body: inout JSONObject) throws(APIError) {
        let (limit, text, reasoning) = (body["max_output_tokens"], body["text"], body["reasoning"])
        for name in ["input", "instructions", "max_output_tokens", "text", "reasoning"] { body[name] = nil }
        body["max_completion_tokens"] = limit
        if let reasoning {
            guard let object = reasoning.object else {
                throw .invalid("reasoning must be an object", param: "reasoning")
            }
            body["reasoning_effort"] = object["effort"].flatMap { $0 == .null ? nil : $0 }
        }
        guard let text else { return }
        guard let options = text.object else { throw .invalid("text must be an object", param: "text") }
        guard let format = options["format"], var members = format.object else { return }
        // The schema stands beside the type here, and in an object of its own in a chat.
        if members["type"] == "json_schema" {
            members["type"] = nil
            body["response_format"] = ["type": "json_schema", "json_schema": .object(members)]
        } else {
            body["response_format"] = format
        }
    }
}

/// Input of a response, as messages.
enum ResponseInput {
    static func messages(_ input: JSONValue?) throws(APIError) -> [JSONValue] {
        switch input {
        case .string(let text)?: return [["role": "user", "content": .string(text)]]
        case .array(let items)?:
            var messages: [JSONValue] = []
            for (index, item) in items.enumerated() {
                if let message = try message(item, "input[\(index)]") { messages.append(message) }
            }
            guard !messages.isEmpty else { throw .invalid("input has no message", param: "input") }
            return messages
        default:
            throw .invalid(
                "input must be a text or a list of messages", param: "input", code: "missing_required_parameter")
        }
    }

    /// The messages with a system message at their beginning. A template takes one only, so two become one.
    static func beginning(with text: String, _ messages: [JSONValue]) -> [JSONValue] {
        var messages = messages
        var content = text
        if messages.first?["role"] == "system", let first = messages.first?["content"]?.string {
            content += "\n\n" + first
            messages.removeFirst()
        }
        return [["role": "system", "content": .string(content)]] + messages
    }

    /// Nil for an item that no chat shows: a thought of an earlier answer.
    private static func message(_ item: JSONValue, _ place: String) throws(APIError) -> JSONValue? {
        if item["type"] == "reasoning" { return nil }
        guard item["type"] == nil || item["type"] == "message" else {
            throw .invalid("\(place) must be a message: only text is taken", param: "\(place).type")
        }
        guard let role = item["role"]?.string, ["user", "assistant", "system", "developer"].contains(role) else {
            throw .invalid("\(place).role must be user, assistant, system or developer", param: "\(place).role")
        }
        return [
            "role": .string(role == "developer" ? "system" : role),
            "content": .string(try text(item["content"], "\(place).content")),
        ]
    }

    private static func text(_ content: JSONValue?, _ place: String) throws(APIError) -> String {
        if let text = content?.string { return text }
        var text = ""
        for (index, part) in (content?.array ?? [.null]).enumerated() {
            guard let type = part["type"]?.string, ["input_text", "output_text", "text"].contains(type),
                let piece = part["text"]?.string
            else { throw .invalid("\(place)[\(index)] must be a text", param: "\(place)[\(index)]") }
            text += piece
        }
        return text
    }
}
