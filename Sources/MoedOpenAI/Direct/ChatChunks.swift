package import MoedCore

/// A finished answer as the events of a stream.
package enum ChatChunks {
    /// The comment that keeps a waiting connection open.
    package static let heartbeat = ": waiting\n\n"
    package static let end = "data: [DONE]\n\n"

    /// The events of a `chat.completion` object: for each choice its message and its end, then the usage.
    package static func events(_ completion: JSONValue, showsUsage: Bool) -> [String] {
        var events: [String] = []
        for choice in completion["choices"]?.array ?? [] {
            var delta = (choice["message"]?.object ?? JSONObject()).withoutNulls
            if let calls = delta["tool_calls"]?.array {
                delta["tool_calls"] = .array(calls.enumerated().map { numbered($0.element, $0.offset) })
            }
            let index = choice["index"] ?? 0
            events.append(event(completion, [chunkChoice(index, .object(delta), nil)]))
            events.append(event(completion, [chunkChoice(index, [:], choice["finish_reason"])]))
        }
        if showsUsage { events.append(event(completion, [], usage: completion["usage"])) }
        return events + [end]
    }

    /// The event of an error that comes after the stream has begun.
    package static func event(_ error: APIError) -> String { "data: \(error.object.serialized())\n\n" }

    private static func numbered(_ call: JSONValue, _ index: Int) -> JSONValue {
        .object(
            JSONObject(
                [("index", .integer(Int64(index)))] + (call.object?.members ?? []).map { ($0.key, $0.value) })
        )
    }

    private static func chunkChoice(_ index: JSONValue, _ delta: JSONValue, _ reason: JSONValue?) -> JSONValue
    {
        ["index": index, "delta": delta, "logprobs": nil, "finish_reason": reason ?? .null]
    }

    private static func event(_ completion: JSONValue, _ choices: [JSONValue], usage: JSONValue? = nil)
        -> String
    {
        let chunk: JSONValue = [
            "id": completion["id"] ?? .null, "object": "chat.completion.chunk",
            "created": completion["created"] ?? 0,
            "model": completion["model"] ?? .null, "choices": .array(choices), "usage": usage ?? .null,
        ]
        return "data: \(chunk.serialized())\n\n"
    }
}
