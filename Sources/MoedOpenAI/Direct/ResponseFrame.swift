import MoedCore

/// Members that a response repeats of its request, and the response object around an answer.
struct ResponseFrame: Sendable, Equatable {
    private let repeated: JSONObject

    init(_ body: JSONObject) {
        let names: [(String, JSONValue)] = [
            ("instructions", .null), ("max_output_tokens", .null), ("metadata", [:]), ("temperature", .null),
            ("top_p", .null), ("text", ["format": ["type": "text"]]), ("reasoning", ["effort": nil, "summary": nil]),
            ("model", .null),
        ]
        repeated = JSONObject(names.map { ($0.0, body[$0.0] ?? $0.1) })
    }

    /// The response while the answer is not there.
    func pending(job: JobID, createdAt: Int64) -> JSONObject {
        response(id: "\(job)", createdAt: .integer(createdAt), model: nil, status: "in_progress")
    }

    /// The finished response.
    func object(_ completion: JSONValue) -> JSONValue {
        let choice = completion["choices"]?.array?.first
        let isCut = choice?["finish_reason"] == "length"
        var object = response(
            id: Self.number(completion), createdAt: completion["created"] ?? 0, model: completion["model"],
            status: isCut ? "incomplete" : "completed")
        if isCut { object["incomplete_details"] = ["reason": "max_output_tokens"] }
        object["output"] = .array(Self.output(completion))
        object["usage"] = Self.usage(completion["usage"])
        return .object(object)
    }

    /// The items of the output: the thinking, where there is any, then the message.
    static func output(_ completion: JSONValue) -> [JSONValue] {
        let choice = completion["choices"]?.array?.first
        let number = Self.number(completion)
        var items: [JSONValue] = []
        if let reasoning = choice?["message"]?["reasoning"]?.string {
            items.append([
                "id": .string("rs_\(number)"), "type": "reasoning", "summary": [],
                "content": [["type": "reasoning_text", "text": .string(reasoning)]], "status": "completed",
            ])
        }
        let content: JSONValue = [
            "type": "output_text", "text": .string(choice?["message"]?["content"]?.string ?? ""), "annotations": [],
            "logprobs": [],
        ]
        items.append([
            "id": .string("msg_\(number)"), "type": "message", "role": "assistant",
            "status": choice?["finish_reason"] == "length" ? "incomplete" : "completed", "content": [content],
        ])
        return items
    }

    private func response(id: String, createdAt: JSONValue, model: JSONValue?, status: JSONValue) -> JSONObject {
        var object = JSONObject([
            ("id", .string("resp_\(id)")), ("object", "response"), ("created_at", createdAt), ("status", status),
            ("error", .null), ("incomplete_details", .null), ("output", []), ("parallel_tool_calls", true),
            ("previous_response_id", .null), ("store", false), ("tool_choice", "auto"), ("tools", []),
            ("truncation", "disabled"), ("usage", .null), ("background", false),
        ])
        for member in repeated.members { object[member.key] = member.value }
        if let model { object["model"] = model }
        if object["model"] == .null { object["model"] = "default" }
        return object
    }

    /// The part of the answer's id that names the job.
    private static func number(_ completion: JSONValue) -> String {
        String((completion["id"]?.string ?? "").replacing("chatcmpl-", with: ""))
    }

    private static func usage(_ usage: JSONValue?) -> JSONValue {
        [
            "input_tokens": usage?["prompt_tokens"] ?? 0,
            "input_tokens_details": ["cached_tokens": usage?["prompt_tokens_details"]?["cached_tokens"] ?? 0],
            "output_tokens": usage?["completion_tokens"] ?? 0,
            "output_tokens_details": [
                "reasoning_tokens": usage?["completion_tokens_details"]?["reasoning_tokens"] ?? 0
            ],
            "total_tokens": usage?["total_tokens"] ?? 0,
        ]
    }
}
