package import MoedBatching
package import MoedCore

extension RequestBody {
    /// Body of a streamed chat completion.
    ///
    /// Parameters outside of OpenAI's API are sent only where they have an effect. Each choice is a request of its own.
    package static func chat(
        _ input: ChatInput, of task: GenerationTask, choice: Int, at endpoint: Endpoint
    ) -> [UInt8] {
        let sampling = task.sampling
        var body = JSONObject([
            ("model", .string(endpoint.model)), ("messages", .array(input.messages)),
            ("max_tokens", .integer(Int64(task.newTokensMax))), ("stream", true),
            ("stream_options", ["include_usage": true]),
            ("temperature", .double(sampling.temperature)), ("top_p", .double(sampling.topP)),
            ("seed", .integer(Int64(clamping: SegmentedJob.seed(sampling.seed, choice: choice, position: 0)))),
        ])
        if !task.stopStrings.isEmpty { body["stop"] = .array(task.stopStrings.map { .string($0) }) }
        if sampling.topK > 0 { body["top_k"] = .integer(Int64(sampling.topK)) }
        if sampling.minP > 0 { body["min_p"] = .double(sampling.minP) }
        if sampling.presencePenalty != 0 { body["presence_penalty"] = .double(sampling.presencePenalty) }
        if sampling.frequencyPenalty != 0 { body["frequency_penalty"] = .double(sampling.frequencyPenalty) }
        if sampling.repetitionPenalty != 1 { body["repetition_penalty"] = .double(sampling.repetitionPenalty) }
        var value = JSONValue.object(body)
        if let path = endpoint.thinkingSwitch { value = set(.bool(input.thinks), at: path[...], in: value) }
        if let budget = input.budget, input.thinks, let path = endpoint.thinkingBudget {
            value = set(.integer(Int64(budget)), at: path[...], in: value)
        }
        return Array(value.serialized().utf8)
    }

    /// Sets a member at a path, and makes the objects on the way.
    private static func set(_ new: JSONValue, at path: ArraySlice<String>, in value: JSONValue) -> JSONValue {
        guard let first = path.first else { return new }
        var object = value.object ?? JSONObject([])
        object[first] = set(new, at: path.dropFirst(), in: object[first] ?? .object(JSONObject([])))
        return .object(object)
    }
}
