import MoedCore

/// A response as the events of a stream. The text comes in one piece: it is complete when it leaves the queue.
enum ResponseEvents {
    static func opening(_ frame: ResponseFrame, job: JobID, createdAt: Int64) -> [String] {
        let response = JSONValue.object(frame.pending(job: job, createdAt: createdAt))
        return [
            event("response.created", [("response", response)], 0),
            event("response.in_progress", [("response", response)], 1),
        ]
    }

    static func events(_ frame: ResponseFrame, _ completion: JSONValue) -> [String] {
        var events: [String] = []
        func add(_ type: String, _ members: [(String, JSONValue)]) {
            events.append(event(type, members, events.count + 2))
        }
        for (index, item) in ResponseFrame.output(completion).enumerated() {
            let place = JSONValue.integer(Int64(index))
            let part = item["content"]?.array?.first ?? .null
            var begun = item.object ?? JSONObject()
            begun["content"] = []
            begun["status"] = "in_progress"
            add("response.output_item.added", [("output_index", place), ("item", .object(begun))])
            let common: [(String, JSONValue)] = [
                ("item_id", item["id"] ?? .null), ("output_index", place), ("content_index", 0),
            ]
            var empty = part.object ?? JSONObject()
            empty["text"] = ""
            add("response.content_part.added", common + [("part", .object(empty))])
            let text = part["text"] ?? ""
            let isThought = item["type"] == "reasoning"
            let name = isThought ? "response.reasoning_text" : "response.output_text"
            let logprobs: [(String, JSONValue)] = isThought ? [] : [("logprobs", [])]
            add("\(name).delta", common + [("delta", text)] + logprobs)
            add("\(name).done", common + [("text", text)] + logprobs)
            add("response.content_part.done", common + [("part", part)])
            add("response.output_item.done", [("output_index", place), ("item", item)])
        }
        let response = frame.object(completion)
        add(response["status"] == "incomplete" ? "response.incomplete" : "response.completed", [("response", response)])
        return events
    }

    static func event(_ error: APIError) -> String {
        event(
            "error",
            [
                ("code", error.code.map { .string($0) } ?? .null), ("message", .string(error.message)),
                ("param", error.param.map { .string($0) } ?? .null),
            ], 2)
    }

    private static func event(_ type: String, _ members: [(String, JSONValue)], _ number: Int) -> String {
        let object = JSONValue.object(
            JSONObject([("type", .string(type))] + members + [("sequence_number", .integer(Int64(number)))]))
        return "event: \(type)\ndata: \(object.serialized())\n\n"
    }
}
