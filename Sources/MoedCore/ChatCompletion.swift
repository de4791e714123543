/// OpenAI's chat-completion object, as stored with a job and printed by `moed generate`.
package enum ChatCompletion {
    /// - Parameters:
    ///   - created: Unix seconds.
    ///   - showsIDs: adds `output_ids` (end token included) to each choice.
    package static func object(
        id: String, created: Int64, model: String, result: GenerationResult, showsIDs: Bool = false
    ) -> JSONValue {
        if let embedding = result.choices.first?.embedding { return list(embedding, model: model, result.usage) }
        var object = JSONObject([
            ("id", .string(id)), ("object", "chat.completion"), ("created", .integer(created)),
            ("model", .string(model)),
            ("choices", .array(result.choices.map { choice($0, showsIDs) })),
            ("usage", result.told.map(usage) ?? usage(result.usage)),
            ("seed", .integer(Int64(bitPattern: result.seed))),
        ])
        if let prompt = result.promptLogprobs {
            object["prompt_logprobs"] = .array([.null] + prompt.map(\.promptEntry))
        }
        return .object(object)
    }

    /// The answer of OpenAI's `/v1/embeddings`.
    private static func list(_ embedding: [Float], model: String, _ usage: Usage) -> JSONValue {
        let numbers = embedding.map { JSONValue.double(Double("\($0)") ?? Double($0)) }
        return [
            "object": "list", "data": [["object": "embedding", "index": 0, "embedding": .array(numbers)]],
            "model": .string(model), "usage": Self.usage(usage),
        ]
    }

    private static func choice(_ choice: GenerationChoice, _ showsIDs: Bool) -> JSONValue {
        // OpenAI's API requires `refusal` in every message.
        var message = JSONObject([
            ("role", "assistant"), ("content", .string(choice.content)), ("refusal", .null),
        ])
        if !choice.toolCalls.isEmpty {
            // As OpenAI's service: a message that only calls tools has no content.
            if choice.content.isEmpty { message["content"] = .null }
            message["tool_calls"] = .array(choice.toolCalls.map(call))
        }
        if let reasoning = choice.reasoning {
            message["reasoning"] = .string(reasoning)
            // Older name of the same field; many clients still read it.
            message["reasoning_content"] = .string(reasoning)
        }
        var object = JSONObject([
            ("index", .integer(Int64(choice.index))), ("message", .object(message)), ("logprobs", logprobs(choice)),
            ("finish_reason", .string(choice.finishReason.rawValue)), ("stop_reason", stopReason(choice)),
        ])
        if let probabilities = choice.choiceProbabilities {
            object["choice_probabilities"] = .object(
                JSONObject(probabilities.map { ($0.choice, .double(($0.probability * 1e6).rounded() / 1e6)) }))
        }
        if showsIDs { object["output_ids"] = .array(choice.outputIDs.map { .integer(Int64($0)) }) }
        return .object(object)
    }

    private static func call(_ call: ToolCall) -> JSONValue {
        [
            "id": .string(call.id), "type": "function",
            "function": ["name": .string(call.name), "arguments": .string(call.arguments)],
        ]
    }

    private static func logprobs(_ choice: GenerationChoice) -> JSONValue {
        guard let tokens = choice.logprobs else { return .null }
        return ["content": .array(tokens.map(\.entry)), "refusal": .null]
    }

    private static func stopReason(_ choice: GenerationChoice) -> JSONValue {
        switch choice.stopReason {
        case .text(let text): .string(text)
        case .token(let token): .integer(Int64(token))
        case nil: .null
        }
    }

    /// Uses OpenAI's field names. `thinking_tokens`, `injected_tokens` and `answer_tokens` are `moed`'s own.
    private static func usage(_ usage: Usage) -> JSONValue {
        func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }
        return [
            "prompt_tokens": count(usage.prompt), "completion_tokens": count(usage.completion),
            "total_tokens": count(usage.total),
            "prompt_tokens_details": ["cached_tokens": count(usage.cachedPrompt)],
            "completion_tokens_details": [
                "reasoning_tokens": count(usage.reasoning), "thinking_tokens": count(usage.thinking),
                "injected_tokens": count(usage.injected), "answer_tokens": count(usage.answer),
            ],
        ]
    }

    /// Counts that the endpoint did not tell are null.
    private static func usage(_ told: ToldUsage) -> JSONValue {
        func count(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }
        return [
            "prompt_tokens": count(told.prompt), "completion_tokens": count(told.completion),
            "total_tokens": count(told.total),
            "prompt_tokens_details": ["cached_tokens": count(told.cachedPrompt)],
            "completion_tokens_details": [
                "reasoning_tokens": count(told.reasoning), "thinking_tokens": count(told.thinking),
                "injected_tokens": .null, "answer_tokens": count(told.answer),
            ],
        ]
    }

    /// OpenAI's error object for an invalid request.
    package static func error(_ error: RequestError) -> JSONValue {
        errorObject(
            error.message, type: "invalid_request_error", param: error.param, code: error.code.rawValue)
    }

    /// OpenAI's error object for an engine error, which the request did not cause.
    package static func error(_ error: EngineError) -> JSONValue {
        errorObject(error.message, type: "server_error", param: nil, code: "engine_error")
    }

    private static func errorObject(_ message: String, type: String, param: String?, code: String)
        -> JSONValue
    {
        [
            "error": [
                "message": .string(message), "type": .string(type),
                "param": param.map { .string($0) } ?? .null,
                "code": .string(code),
            ]
        ]
    }
}
