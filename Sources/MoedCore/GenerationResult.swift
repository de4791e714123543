/// Exact token counts of one job (all of its choices together).
///
/// `total = prompt + completion`, `completion = thinking + injected + answer`, `cachedPrompt ≤ prompt`.
package struct Usage: Sendable, Equatable {
    package var prompt = 0
    /// Prompt tokens served from the prefix cache: keys and values come from an earlier job with the same prefix.
    package var cachedPrompt = 0
    /// Tokens the model generated up to and including `</think>`.
    package var thinking = 0
    /// Tokens injected into the output to end the thinking at its budget.
    package var injected = 0
    /// Tokens generated outside of thinking, including the end token.
    package var answer = 0
    /// Tokens recomputed after a crash; never billed.
    package var recomputed = 0

    package init() {}

    package var completion: Int { thinking + injected + answer }
    /// OpenAI's `reasoning_tokens`, including the injected end of the thinking.
    package var reasoning: Int { thinking + injected }
    package var total: Int { prompt + completion }
}

/// Token counts of an answer as an endpoint tells them; nil what it does not tell.
package struct ToldUsage: Sendable, Equatable {
    package var prompt: Int?
    package var cached: Int?
    package var completion: Int?
    /// Thinking tokens of the completion.
    package var reasoning: Int?

    package init(prompt: Int? = nil, cached: Int? = nil, completion: Int? = nil, reasoning: Int? = nil) {
        (self.prompt, self.cached, self.completion, self.reasoning) = (prompt, cached, completion, reasoning)
    }

    /// Thinking tokens, where the division is known.
    package var thinking: Int? { completion.flatMap { all in reasoning.flatMap { $0 <= all ? $0 : nil } } }
    package var answer: Int? { completion.flatMap { all in thinking.map { all - $0 } } }
    package var total: Int? { completion.flatMap { completion in prompt.map { $0 + completion } } }
    /// Cached tokens, where they do not contradict the prompt's.
    package var cachedPrompt: Int? { cached.flatMap { $0 <= prompt ?? .max ? $0 : nil } }
}

/// Reason for the end of a sequence. The raw values are OpenAI's `finish_reason`.
package enum FinishReason: String, Sendable {
    /// End token, stop token or stop string.
    case stop
    /// `max_tokens` or the end of the context.
    case length
    /// The answer calls tools.
    case toolCalls = "tool_calls"
    /// A rule of `moed.policy` withholds the answer.
    case contentFilter = "content_filter"
}

/// One finished choice.
package struct GenerationChoice: Sendable, Equatable {
    package var index: Int
    /// The answer, without thinking, stop string and end token.
    package var content: String
    /// The thinking text without its tags; nil when the choice has none.
    package var reasoning: String?
    package var finishReason: FinishReason
    /// All output tokens, including injected ones and the end token.
    package var outputIDs: [TokenID]
    /// Calls of tools; `content` is the text outside of them.
    package var toolCalls: [ToolCall] = []
    /// The end of the answer that the request named; nil for the model's own end and for `length`.
    package var stopReason: StopReason?
    /// Tokens of `content` with their log-probabilities; nil when the request asks for none.
    package var logprobs: [TokenLogprob]?
    /// Probability of each choice that the answer is constrained to, by its text; nil when the request asks for none.
    package var choiceProbabilities: [ChoiceProbability]?
    /// The embedding that `content` shows as a JSON array; nil for an answer.
    package var embedding: [Float]?

    package init(
        index: Int, content: String, reasoning: String?, finishReason: FinishReason, outputIDs: [TokenID]
    ) {
        self.index = index
        self.content = content
        self.reasoning = reasoning
        self.finishReason = finishReason
        self.outputIDs = outputIDs
    }
}

/// Probability of one of the answers that a constraint allows.
package struct ChoiceProbability: Sendable, Equatable {
    package var choice: String
    package var probability: Double

    package init(choice: String, probability: Double) {
        self.choice = choice
        self.probability = probability
    }
}

/// The stop string or stop token that ended an answer (vLLM's `stop_reason`).
package enum StopReason: Sendable, Equatable {
    case text(String)
    case token(TokenID)
}

extension GenerationChoice {
    /// True when the answer has no text, whatever ended it.
    package var isWithoutAnswer: Bool {
        content.allSatisfy(\.isWhitespace) && toolCalls.isEmpty && finishReason != .contentFilter
    }
    /// True when `max_tokens` or the end of the context ended it.
    package var isTruncated: Bool { finishReason == .length }
}

/// The output of a finished job.
package struct GenerationResult: Sendable, Equatable {
    package var choices: [GenerationChoice]
    package var usage: Usage
    /// Counts of an endpoint that told no token ids; `usage` is empty then.
    package var told: ToldUsage?
    /// Seed of the random numbers. The same request with this seed gives the same tokens.
    package var seed: UInt64
    /// Warnings for the job's owner, e.g. about a mode that the model does not support.
    package var warnings: [String]
    /// Tokens of the prompt from the second one on; nil when the request asks for none.
    package var promptLogprobs: [TokenLogprob]?

    package init(choices: [GenerationChoice], usage: Usage, seed: UInt64, warnings: [String] = []) {
        self.choices = choices
        self.usage = usage
        self.seed = seed
        self.warnings = warnings
    }
}
