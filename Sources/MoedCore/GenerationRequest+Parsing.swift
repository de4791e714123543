extension GenerationRequest {
    /// Fields that are accepted and ignored: they do not change the answer.
    private static let ignored: Set<String> = [
        "user", "metadata", "store", "service_tier", "priority", "safety_identifier",
    ]

    /// Reads and checks an OpenAI chat-completion body.
    ///
    /// - Throws: `RequestError` naming the field and the allowed range.
    package init(body: JSONValue) throws(RequestError) {
        guard let object = body.object else {
            throw RequestError(.invalidValue, "the request body is \(body.kind), not an object")
        }
        let fields = RequestFields(object)
        self.init(prompt: try Self.prompt(fields))
        model = try fields.string("model")
        templateVariables = try fields.object("chat_template_kwargs") ?? JSONObject()
        mode = try Self.mode(fields, templateVariables)
        thinkingTokenBudget = try Self.budget(fields)
        maxTokens = try fields.integer("max_completion_tokens", in: 1...Int(Int32.max))
        if let older = try fields.integer("max_tokens", in: 1...Int(Int32.max)) {
            maxTokens = maxTokens ?? older
        }
        temperature = try fields.number("temperature", in: 0...2)
        topP = try fields.number("top_p", in: 0...1)
        if topP == 0 { throw RequestError(.invalidValue, param: "top_p", "top_p must be greater than 0") }
        topK = try fields.integer("top_k", in: -1...Int(Int32.max)).map { max($0, 0) }
        minP = try fields.number("min_p", in: 0...1)
        presencePenalty = try fields.number("presence_penalty", in: -2...2)
        frequencyPenalty = try fields.number("frequency_penalty", in: -2...2)
        repetitionPenalty = try fields.number("repetition_penalty", in: 0...1000)
        if repetitionPenalty == 0 {
            throw RequestError(
                .invalidValue, param: "repetition_penalty", "repetition_penalty must be greater than 0")
        }
        seed = try fields.integer("seed", in: Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
        stop = try fields.stopStrings()
        stopTokenIDs = try fields.tokens("stop_token_ids") ?? []
        ignoreEOS = try fields.bool("ignore_eos") ?? false
        choices = try fields.integer("n", in: 1...RequestLimit.choicesMax) ?? 1
        includeReasoning = try fields.bool("include_reasoning") ?? true
        addGenerationPrompt = try fields.bool("add_generation_prompt") ?? true
        try fields.refuse("stream", unless: [.bool(false)], "results are written when complete")
        try fields.refuse("tools", unless: [.array([])], "tool calls are not supported")
        try fields.refuse("tool_choice", unless: ["none"], "tool calls are not supported")
        try fields.refuse("response_format", unless: [["type": "text"]], "only plain text is generated")
        try fields.refuse("logprobs", unless: [.bool(false)], "use `moed score`")
        try fields.refuse("top_logprobs", unless: [0], "use `moed score`")
        try fields.refuse("logit_bias", unless: [.object(JSONObject())], "logit bias is not supported")
        try fields.refuse("min_tokens", unless: [0], "a minimum length is not supported")
        try fields.refuse(
            "continue_final_message", unless: [.bool(false)], "prefilled answers are not supported")
        try fields.refuseOthers(but: Self.ignored)
    }

    private static func prompt(_ fields: RequestFields) throws(RequestError) -> Prompt {
        let tokens = try fields.tokens("prompt_ids")
        guard let value = fields["messages"] else {
            guard let tokens else {
                throw RequestError(.missingField, param: "messages", "messages is missing")
            }
            guard !tokens.isEmpty else {
                throw RequestError(.invalidValue, param: "prompt_ids", "prompt_ids is empty")
            }
            return .tokens(tokens)
        }
        guard tokens == nil else {
            throw RequestError(
                .invalidValue, param: "prompt_ids", "give either messages or prompt_ids, not both")
        }
        guard let messages = value.array, !messages.isEmpty else {
            throw RequestError(
                .invalidValue, param: "messages", "messages must be an array with at least one message")
        }
        if fields["prompt"] != nil {
            throw RequestError(.invalidValue, param: "prompt", "give either messages or prompt, not both")
        }
        var checked: [JSONValue] = []
        for (index, message) in messages.enumerated() {
            checked.append(try ChatMessage.checked(message, name: "messages[\(index)]"))
        }
        return .messages(checked)
    }

    private static func mode(
        _ fields: RequestFields, _ variables: JSONObject
    ) throws(RequestError) -> ReasoningMode? {
        let effort = try fields.string("reasoning_effort")
        let named = try fields.string("reasoning")
        if let named, named != "thinking", named != "non_thinking" {
            throw RequestError(
                .invalidValue, param: "reasoning",
                "reasoning must be thinking or non_thinking, not “\(named)”")
        }
        let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
        if let effort, !efforts.contains(effort) {
            throw RequestError(
                .invalidValue, param: "reasoning_effort",
                "reasoning_effort must be one of \(efforts.joined(separator: ", "))")
        }
        switch variables["enable_thinking"] {
        case .bool(let enabled): return enabled ? .thinking : .nonThinking
        case nil, .null:
            if let named { return named == "thinking" ? .thinking : .nonThinking }
            return effort.map { $0 == "none" ? .nonThinking : .thinking }
        case .some(let other):
            throw RequestError(
                .invalidValue, param: "chat_template_kwargs.enable_thinking",
                "enable_thinking must be a boolean, not \(other.kind)")
        }
    }

    /// Reads vLLM's `thinking_token_budget`, else Qwen's and SGLang's `thinking_budget`; −1 means no limit.
    private static func budget(_ fields: RequestFields) throws(RequestError) -> Int? {
        let budget = try fields.integer("thinking_token_budget", in: -1...Int(Int32.max))
        let alias = try fields.integer("thinking_budget", in: -1...Int(Int32.max))
        return (budget ?? alias).flatMap { $0 < 0 ? nil : $0 }
    }
}
