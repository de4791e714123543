import MoedCore

/// OpenAI's `text_completion` object, from the answers of the prompts.
enum TextCompletion {
    static func object(_ completions: [JSONValue]) -> JSONValue {
        frame(completions.first, .array(choices(completions)), usage: usage(completions))
    }

    /// The events of a stream: for each choice its text and its end, then the usage.
    static func events(_ completions: [JSONValue], showsUsage: Bool) -> [String] {
        var events = choices(completions).map { choice in event(frame(completions.first, [choice], usage: nil)) }
        if showsUsage { events.append(event(frame(completions.first, [], usage: usage(completions)))) }
        return events + [ChatChunks.end]
    }

    private static func event(_ value: JSONValue) -> String { "data: \(value.serialized())\n\n" }

    private static func frame(_ first: JSONValue?, _ choices: JSONValue, usage: JSONValue?) -> JSONValue {
        let id = (first?["id"]?.string ?? "").replacing("chatcmpl-", with: "cmpl-")
        return [
            "id": .string(id), "object": "text_completion", "created": first?["created"] ?? 0,
            "model": first?["model"] ?? .null, "choices": choices, "usage": usage ?? .null,
        ]
    }

    private static func choices(_ completions: [JSONValue]) -> [JSONValue] {
        completions.flatMap { $0["choices"]?.array ?? [] }.enumerated().map { index, choice in
            var object = JSONObject([
                ("text", .string(choice["message"]?["content"]?.string ?? "")),
                ("index", .integer(Int64(index))), ("logprobs", logprobs(choice["logprobs"])),
                ("finish_reason", choice["finish_reason"] ?? .null),
            ])
            if let reasoning = choice["message"]?["reasoning"], reasoning != .null { object["reasoning"] = reasoning }
            return .object(object)
        }
    }

    /// The older form of log-probabilities: a list for each member.
    private static func logprobs(_ value: JSONValue?) -> JSONValue {
        guard let entries = value?["content"]?.array else { return .null }
        var offset = 0
        var offsets: [JSONValue] = []
        for entry in entries {
            offsets.append(.integer(Int64(offset)))
            offset += entry["token"]?.string?.unicodeScalars.count ?? 0
        }
        let top = entries.map { entry -> JSONValue in
            .object(
                JSONObject(
                    (entry["top_logprobs"]?.array ?? []).map { ($0["token"]?.string ?? "", $0["logprob"] ?? .null) }))
        }
        return [
            "tokens": .array(entries.map { $0["token"] ?? .null }),
            "token_logprobs": .array(entries.map { $0["logprob"] ?? .null }), "top_logprobs": .array(top),
            "text_offset": .array(offsets),
        ]
    }

    private static func usage(_ completions: [JSONValue]) -> JSONValue {
        guard completions.count > 1 else { return completions.first?["usage"] ?? .null }
        func sum(_ name: String) -> JSONValue {
            .integer(
                completions.reduce(0) { sum, completion in
                    let (total, overflow) = sum.addingReportingOverflow(
                        Int64(completion["usage"]?[name]?.integer ?? 0))
                    return overflow ? .max : total
                })
        }
        return [
            "prompt_tokens": sum("prompt_tokens"), "completion_tokens": sum("completion_tokens"),
            "total_tokens": sum("total_tokens"),
        ]
    }
}
