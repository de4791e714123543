import MoedCore

/// A line of the results of Anthropic's API, from a line of OpenAI's batch output.
package enum MessageResult {
    /// Nil when the line is no JSON.
    package static func line(_ text: String) -> String? {
        let line: JSONValue
        do throws(JSONError) { line = try JSONValue(parsing: text) } catch { return nil }
        let object: JSONValue = ["custom_id": line["custom_id"] ?? .null, "result": result(line)]
        return object.serialized() + "\n"
    }

    private static func result(_ line: JSONValue) -> JSONValue {
        let response = line["response"] ?? .null
        if response["status_code"] == 200, let body = response["body"] {
            return ["type": "succeeded", "message": message(body)]
        }
        switch line["error"]?["code"]?.string {
        case "batch_expired": return ["type": "expired"]
        case "batch_cancelled": return ["type": "canceled"]
        default: break
        }
        let error = response["body"]?["error"] ?? line["error"] ?? .null
        let type: JSONValue = response["status_code"]?.integer ?? 400 >= 500 ? "api_error" : "invalid_request_error"
        return [
            "type": "errored",
            "error": ["type": "error", "error": ["type": type, "message": error["message"] ?? ""]],
        ]
    }

    private static func message(_ completion: JSONValue) -> JSONValue {
        let choice = completion["choices"]?.array?.first ?? .null
        let answer = choice["message"] ?? .null
        var content: [JSONValue] = []
        if let thinking = answer["reasoning"]?.string {
            content.append(["type": "thinking", "thinking": .string(thinking), "signature": ""])
        }
        content.append(["type": "text", "text": .string(answer["content"]?.string ?? "")])
        let stop = choice["stop_reason"] ?? .null
        let reason: JSONValue =
            choice["finish_reason"] == "length" ? "max_tokens" : stop.string != nil ? "stop_sequence" : "end_turn"
        let number = (completion["id"]?.string ?? "").replacing("chatcmpl-", with: "")
        let usage = completion["usage"] ?? .null
        let cached = usage["prompt_tokens_details"]?["cached_tokens"]?.integer ?? 0
        // A prompt's tokens are counted apart from those of a cached prefix.
        let prompt = max(0, (usage["prompt_tokens"]?.integer ?? 0) - cached)
        return [
            "id": .string("msg_\(number)"), "type": "message", "role": "assistant",
            "model": completion["model"] ?? .null, "content": .array(content), "stop_reason": reason,
            "stop_sequence": stop.string == nil ? .null : stop,
            "usage": [
                "input_tokens": .integer(Int64(prompt)), "output_tokens": usage["completion_tokens"] ?? 0,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": .integer(Int64(cached)),
            ],
        ]
    }
}
