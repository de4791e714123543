package import MoedBatching
package import MoedCore
import MoedPolicy
import MoedText

/// Turns a validated request into a task for the generation loop: template, tokens, defaults, limits.
///
/// Requests that can never run are refused here, before they cost any compute.
package struct RequestPreparer: Sendable {
    package let text: TextSide
    /// Longest sequence the engine can hold: the model's context or the KV cache, whichever is smaller.
    package var limits: EngineLimits
    /// Maximum number of new tokens of a request that names no `max_tokens`; nil is the rest of the context.
    let maxTokensDefault: Int?
    package let options: PreparationOptions
    /// Names of models that are adapters beside the engine's model.
    package var adapters: Set<String> = []
    let constraints = ConstraintCache()
    let judge = ContentJudge()
    package var inquirer: any ContentInquirer = NoInquirer()
    /// Asked by the tokenizer and the template now and then; false ends the preparation.
    var goesOn: @Sendable () -> Bool = { true }

    package init(
        text: TextSide, limits: EngineLimits, maxTokensDefault: Int?,
        options: PreparationOptions = PreparationOptions()
    ) {
        self.text = text
        self.limits = limits
        self.maxTokensDefault = maxTokensDefault
        self.options = options
    }

    /// - Parameters:
    ///   - bucket: length class of the queued job; nil computes it from the exact token counts.
    ///   - seed: seed of the random numbers when the request names none.
    package func prepare(
        _ request: GenerationRequest, job: JobID, model: String, bucket: Int?, seed: UInt64, waited: Duration
    ) throws(RequestError) -> GenerationTask {
        if let asked = request.embedding {
            var task = try embeddingTask(request, asked, job: job, model: model, bucket: bucket)
            (task.sampling.seed, task.waited) = (seed, waited)
            return task
        }
        guard text.embedding == nil else {
            throw RequestError(
                .unsupported, param: field(of: request), "the model makes embeddings: give input, as in moed.embed()")
        }
        let asked = request
        var request = request
        if case .text(let prompt) = asked.prompt { request.prompt = .tokens(try renderer.tokens(of: prompt)) }
        let choice = ModeChoice(request, text: text, fallback: options.mode)
        let mode = choice.mode
        let prompt = try promptTokens(request, mode)
        request.prompt = asked.prompt
        let newTokens = try newTokens(request, promptTokens: prompt.count)
        let tokenizer = text.tokenizer
        var task = GenerationTask(
            job: job,
            jobClass: JobClass(
                model: model, mode: mode,
                bucket: bucket ?? Self.bucket(tokens: prompt.count + newTokens.count)),
            prompt: prompt, newTokensMax: newTokens.count,
            makeTextStream: { tokenizer.makeStream(skipSpecial: true) })
        task.adapter = adapters.contains(model) ? model : nil
        task.sampling = text.defaults.resolve(request, mode: mode, seed: seed)
        task.choices = request.choices
        task.stopIDs = (request.ignoreEOS ? [] : text.endIDs).union(request.stopTokenIDs)
        task.stopStrings = request.stop
        try control(&task, request)
        task.thinking = thinking(request, prompt, mode, newTokensMax: newTokens.count)
        task.chat = options.keepsMessages ? Self.chat(request, mode) : nil
        task.waited = waited
        task.includesReasoning = request.includeReasoning
        task.warnings = [
            choice.warning, budgetWarning(request, task.thinking), newTokens.warning,
            reserveWarning(request, newTokensMax: newTokens.count), Self.emptyPromptWarning(request),
        ].compactMap { $0 }
        if let tools = request.tools { task.readCalls = Self.reader(of: tools) }
        try constrain(&task, request)
        return task
    }

    private static func chat(_ request: GenerationRequest, _ mode: ReasoningMode) -> ChatInput? {
        guard case .messages(let messages) = request.prompt else { return nil }
        let variables = request.templateVariables.members.map(\.key).filter { $0 != "enable_thinking" }
        let ownField: String? =
            if !request.stopTokenIDs.isEmpty { "stop_token_ids" } else if request.ignoreEOS { "ignore_eos" } else if
                !request.addGenerationPrompt { "add_generation_prompt" } else {
                variables.first.map { "chat_template_kwargs.\($0)" }
            }
        return ChatInput(
            messages: messages, thinks: mode == .thinking, budget: request.thinkingTokenBudget, ownField: ownField)
    }

    private func thinking(
        _ request: GenerationRequest, _ prompt: [TokenID], _ mode: ReasoningMode, newTokensMax: Int
    ) -> ThinkingPolicy {
        let tags = text.tags
        let startsOpen =
            request.continuesFinalMessage
            ? tags.isInThought(prompt) : tags.leavesOpen(prompt, text.tokenizer)
        // The template has closed the thought of a message that goes on.
        let mode = request.continuesFinalMessage ? .nonThinking : mode
        let isThoughtless = request.thinkingTokenBudget == 0 && !startsOpen && tags.openID != nil
        var policy = ThinkingPolicy(
            isEnabled: tags.closeID != nil && (startsOpen || mode == .thinking), startsOpen: startsOpen,
            openID: tags.openID, closeID: tags.closeID, budget: budget(request),
            injection: isThoughtless ? tags.emptyThought : tags.earlyStop)
        policy.reserve = AnswerReserve(
            request.answerReserve ?? options.answerReserve, newTokensMax: newTokensMax, long: tags.earlyStop,
            short: tags.shortStop)
        return policy
    }

    /// The request's own budget, else that of its effort.
    private func budget(_ request: GenerationRequest) -> Int? {
        request.thinkingTokenBudget ?? request.effort.flatMap { options.effortBudgets[$0] }
    }

    // MARK: Warnings

    private func budgetWarning(_ request: GenerationRequest, _ policy: ThinkingPolicy) -> String? {
        guard let budget = request.thinkingTokenBudget, budget > 0, !policy.isEnabled else { return nil }
        return "thinking_token_budget has no effect: the job ran without thinking"
    }

    private func reserveWarning(_ request: GenerationRequest, newTokensMax: Int) -> String? {
        let most = AnswerReserve.most(newTokensMax)
        guard let asked = request.answerReserve, asked > most else { return nil }
        return "answer_reserve was lowered from \(asked) to \(most), a quarter of max_tokens"
    }

    private static func emptyPromptWarning(_ request: GenerationRequest) -> String? {
        guard case .messages(let messages) = request.prompt,
            let last = messages.lastIndex(where: { $0["role"] == "user" }) ?? messages.indices.last,
            messages[last]["content"]?.string?.isBlank == true,
            messages[last]["tool_calls"]?.array?.isEmpty != false
        else { return nil }
        return "the prompt is empty: messages[\(last)].content has no text"
    }

    /// Smallest b with 2^b ≥ tokens. The queue computes it the same way from its estimate.
    package static func bucket(tokens: Int) -> Int { Int.bitWidth - max(tokens - 1, 0).leadingZeroBitCount }

    /// Name of the request's field that holds the prompt.
    private func field(of request: GenerationRequest) -> String {
        switch request.prompt {
        case .messages: "messages"
        case .tokens: "prompt_ids"
        case .text: request.embedding == nil ? "prompt_text" : "input"
        }
    }

    private func promptTokens(_ request: GenerationRequest, _ mode: ReasoningMode) throws(RequestError)
        -> [TokenID]
    {
        switch request.prompt {
        case .tokens(let ids):
            if let bad = ids.firstIndex(where: { Int($0) >= text.vocabularySize }) {
                throw RequestError(
                    .invalidValue, param: "prompt_ids[\(bad)]",
                    "token id \(ids[bad]) is not in the vocabulary of \(text.vocabularySize) tokens")
            }
            return ids
        case .text(let text): return try renderer.tokens(of: text)
        case .messages(let messages):
            var variables = request.templateVariables
            variables["add_generation_prompt"] = .bool(request.addGenerationPrompt)
            if mode == .nonThinking || variables["enable_thinking"] != nil {
                variables["enable_thinking"] = .bool(mode == .thinking)
            }
            return try renderer.tokens(
                messages, tools: request.tools?.tools.map(\.definition) ?? [], variables: variables,
                continuesLast: request.continuesFinalMessage)
        }
    }

    /// Rendering and encoding end at the length of the context.
    private var renderer: PromptRenderer {
        var template = options.templateLimits
        template.bytes = templateBytes
        template.goesOn = goesOn
        return PromptRenderer(
            text: text, controlTokens: options.controlTokens, template: template,
            encoding: EncodingLimits(tokensMax: limits.contextLength, goesOn: goesOn))
    }

    private func newTokens(_ request: GenerationRequest, promptTokens: Int) throws(RequestError)
        -> (count: Int, warning: String?)
    {
        guard promptTokens < limits.contextLength else {
            throw RequestError(
                .contextLengthExceeded, param: field(of: request),
                "the prompt has \(promptTokens) tokens, the model's context is \(limits.contextLength)")
        }
        let contextRest = limits.contextLength - promptTokens
        let kvRest = limits.kvTokens / limits.kvBlockTokens * limits.kvBlockTokens - promptTokens
        if let asked = request.maxTokens.map({ min($0, contextRest) }) {
            guard asked <= kvRest else {
                throw RequestError(
                    .contextLengthExceeded, param: "max_tokens",
                    "\(promptTokens) prompt + \(asked) new tokens do not fit the KV cache of \(limits.kvTokens): "
                        + "raise engine.kv_tokens or lower max_tokens")
            }
            guard let wanted = request.maxTokens, wanted > asked else { return (asked, nil) }
            return (
                asked,
                "max_tokens was lowered from \(wanted) to \(asked): the context has \(limits.contextLength) tokens"
            )
        }
        let room = min(contextRest, kvRest)
        guard room > 0 else {
            throw RequestError(
                .contextLengthExceeded, param: field(of: request),
                "the prompt has \(promptTokens) tokens, the KV cache holds \(limits.kvTokens): raise engine.kv_tokens"
            )
        }
        return (min(room, maxTokensDefault ?? room), nil)
    }
}
