extension GenerationRequest {
    /// Reads and checks an OpenAI chat-completion body.
    ///
    /// - Throws: `RequestError` naming the field and the allowed range.
    package init(body: JSONValue) throws(RequestError) {
        guard let object = body.object else {
            throw RequestError(.invalidValue, "body must be an object, not \(body.kind)")
        }
        if let error = UnsupportedParameters.badParams(object["params"]) { throw error }
        let fields = RequestFields(object)
        if let request = try Self.embedding(fields) {
            self = request
            return
        }
        self.init(prompt: try Self.prompt(fields))
        model = try fields.string("model")
        templateVariables = try TemplateVariables.checked(
            try fields.object("chat_template_kwargs") ?? JSONObject())
        mode = try RequestedMode.read(fields, &templateVariables)
        effort = try fields.string("reasoning_effort")
        answerReserve = try fields.integer("answer_reserve", in: 0...Int(Int32.max))
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
        try readPrefill(fields)
        try readOutputControls(fields)
        constraint = try RequestedConstraint.read(fields)
        tools = try ToolRequest.read(fields)
        try UnsupportedParameters.refuse(in: fields)
        try fields.refuseOthers(but: UnsupportedParameters.ignored)
    }

    private static func prompt(_ fields: RequestFields) throws(RequestError) -> Prompt {
        let tokens = try fields.tokens("prompt_ids")
        if let text = try fields.string("prompt_text") {
            guard tokens == nil, fields["messages"] == nil else {
                throw RequestError(
                    .invalidValue, param: "prompt_text", "give one of messages, prompt_ids and prompt_text")
            }
            guard !text.isEmpty else {
                throw RequestError(.invalidValue, param: "prompt_text", "prompt_text is empty")
            }
            return .text(text)
        }
        guard let value = fields["messages"] else {
            guard let tokens else {
                let hint = fields["prompt"] == nil ? "" : ": put the prompt into a message of the role user"
                throw RequestError(.missingField, param: "messages", "messages is missing\(hint)")
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

    /// Reads vLLM's `thinking_token_budget`, else Qwen's and SGLang's `thinking_budget`; −1 means no limit.
    private static func budget(_ fields: RequestFields) throws(RequestError) -> Int? {
        let budget = try fields.integer("thinking_token_budget", in: -1...Int(Int32.max))
        let alias = try fields.integer("thinking_budget", in: -1...Int(Int32.max))
        return (budget ?? alias).flatMap { $0 < 0 ? nil : $0 }
    }
}
