package import MoedBatching
package import MoedCore
import MoedText

/// Turns a validated request into a task for the generation loop: template, tokens, defaults, limits.
///
/// Requests that can never run are refused here, before they cost any compute.
package struct RequestPreparer: Sendable {
    package let text: TextSide
    /// Longest sequence the engine can hold: the model's context or the KV cache, whichever is smaller.
    let limits: EngineLimits
    /// Maximum number of new tokens of a request that names no `max_tokens`; nil is the rest of the context.
    let maxTokensDefault: Int?

    package init(text: TextSide, limits: EngineLimits, maxTokensDefault: Int?) {
        self.text = text
        self.limits = limits
        self.maxTokensDefault = maxTokensDefault
    }

    /// - Parameters:
    ///   - bucket: length class of the queued job; nil computes it from the exact token counts.
    ///   - seed: seed of the random numbers when the request names none.
    package func prepare(
        _ request: GenerationRequest, job: JobID, model: String, bucket: Int?, seed: UInt64, waited: Duration
    ) throws(RequestError) -> GenerationTask {
        let requested = requestedMode(of: request)
        let mode = text.kind.effectiveMode(requested: requested ?? .thinking)
        let prompt = try promptTokens(request, mode)
        let newTokensMax = try newTokens(request, promptTokens: prompt.count)
        let tokenizer = text.tokenizer
        let startsOpen = text.tags.leavesOpen(prompt, tokenizer)
        let thinks = text.tags.closeID != nil && (startsOpen || mode == .thinking)
        var task = GenerationTask(
            job: job,
            jobClass: JobClass(
                model: model, mode: mode, bucket: bucket ?? Self.bucket(tokens: prompt.count + newTokensMax)),
            prompt: prompt, newTokensMax: newTokensMax,
            makeTextStream: { tokenizer.makeStream(skipSpecial: true) })
        task.sampling = text.defaults.resolve(request, mode: mode, seed: seed)
        task.choices = request.choices
        task.stopIDs = (request.ignoreEOS ? [] : text.endIDs).union(request.stopTokenIDs)
        task.stopStrings = request.stop
        task.thinking = ThinkingPolicy(
            isEnabled: thinks, startsOpen: startsOpen, openID: text.tags.openID, closeID: text.tags.closeID,
            budget: request.thinkingTokenBudget, injection: text.tags.earlyStop)
        task.waited = waited
        task.includesReasoning = request.includeReasoning
        if let requested, requested != mode {
            task.warnings.append("the model has no \(requested.rawValue) mode: the job ran in \(mode.rawValue) mode")
        }
        if request.thinkingTokenBudget != nil, !thinks {
            task.warnings.append("thinking_token_budget has no effect: the job ran without thinking")
        }
        return task
    }

    /// Smallest b with 2^b ≥ tokens. The queue computes it the same way from its estimate.
    package static func bucket(tokens: Int) -> Int { Int.bitWidth - max(tokens - 1, 0).leadingZeroBitCount }

    /// Mode that the request sets by a parameter, a soft switch or its tokens; nil when it sets none.
    private func requestedMode(of request: GenerationRequest) -> ReasoningMode? {
        if let requested = request.mode { return requested }
        return switch request.prompt {
        case .messages(let messages): SoftSwitch.mode(in: messages)
        case .tokens(let ids): text.tags.leavesClosed(ids, text.tokenizer) ? .nonThinking : nil
        }
    }

    /// Name of the request's field that holds the prompt.
    private func field(of request: GenerationRequest) -> String {
        switch request.prompt {
        case .messages: "messages"
        case .tokens: "prompt_ids"
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
        case .messages(let messages):
            guard let template = text.template else {
                throw RequestError(
                    .unsupported, param: "messages", "the checkpoint has no chat template: use prompt_ids")
            }
            var variables = request.templateVariables
            variables["add_generation_prompt"] = .bool(request.addGenerationPrompt)
            if mode == .nonThinking || variables["enable_thinking"] != nil {
                variables["enable_thinking"] = .bool(mode == .thinking)
            }
            do {
                let ids = text.tokenizer.encode(
                    try template.render(messages: .array(messages), tools: nil, variables: variables))
                guard !ids.isEmpty else {
                    throw RequestError(.invalidValue, param: "messages", "the prompt is empty")
                }
                if let bad = ids.first(where: { Int($0) >= text.vocabularySize }) {
                    throw RequestError(
                        .invalidValue, param: "messages",
                        "token id \(bad) of the prompt is not in the model's vocabulary of \(text.vocabularySize)"
                    )
                }
                return ids
            } catch let error as TextError {
                // The message names the place, not the file: the job's owner must not see paths of this host.
                let place = error.place.map { "\($0): " } ?? ""
                throw RequestError(
                    .templateFailed, param: "messages",
                    "the chat template refuses the messages: \(place)\(error.reason)")
            } catch let error as RequestError {
                throw error
            } catch {
                throw RequestError(.templateFailed, param: "messages", "\(error)")
            }
        }
    }

    private func newTokens(_ request: GenerationRequest, promptTokens: Int) throws(RequestError) -> Int {
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
            return asked
        }
        let room = min(contextRest, kvRest)
        guard room > 0 else {
            throw RequestError(
                .contextLengthExceeded, param: field(of: request),
                "the prompt has \(promptTokens) tokens, the KV cache holds \(limits.kvTokens): raise engine.kv_tokens"
            )
        }
        return min(room, maxTokensDefault ?? room)
    }
}
