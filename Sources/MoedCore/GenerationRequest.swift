/// A validated generation request: the body of an OpenAI chat completion, before any default is filled in.
///
/// Names and ranges are OpenAI's and vLLM's. An unsupported field that would change the answer is an error, never
/// silently dropped.
package struct GenerationRequest: Sendable, Equatable {
    package enum Prompt: Sendable, Equatable {
        /// Chat turns for the model's template: an array of `{"role", "content"}` objects.
        case messages([JSONValue])
        /// Token ids (`prompt_ids`), used unchanged.
        case tokens([TokenID])
        /// Text that is tokenised without a template: `prompt_text`, in which control tokens are control tokens, or the
        /// `input` of an embedding.
        case text(String)
    }

    package var prompt: Prompt
    package var model: String?
    /// Form of the embedding that is asked for; nil generates an answer.
    package var embedding: EmbeddingRequest?
    /// Extra variables of the template (`chat_template_kwargs`), `enable_thinking` among them.
    package var templateVariables = JSONObject()
    /// Reasoning mode, from `chat_template_kwargs.enable_thinking`, `enable_thinking`, `reasoning` or
    /// `reasoning_effort`. Nil leaves the mode to the worker.
    package var mode: ReasoningMode?
    /// Hard cap on generated thinking tokens; nil means no limit.
    package var thinkingTokenBudget: Int?
    /// Number of tokens that thinking must leave to the answer; nil leaves it to the worker.
    package var answerReserve: Int?
    package var maxTokens: Int?
    package var temperature: Double?
    package var topP: Double?
    package var topK: Int?
    package var minP: Double?
    package var presencePenalty: Double?
    package var frequencyPenalty: Double?
    package var repetitionPenalty: Double?
    package var seed: UInt64?
    package var stop: [String] = []
    package var stopTokenIDs: [TokenID] = []
    /// True when the stop string or stop token that ends an answer is a part of it.
    package var includesStop = false
    /// Number of new tokens before which nothing ends a choice.
    package var minTokens = 0
    /// Added to logits, by token id.
    package var logitBias: [TokenID: Float] = [:]
    /// Words that are not generated.
    package var badWords: [String] = []
    /// Number of most probable tokens to list for each token of the answer (`top_logprobs`); nil without `logprobs`.
    package var logprobs: Int?
    /// The same for each token of the prompt.
    package var promptLogprobs: Int?
    /// True when the result shows the probability of each allowed answer.
    package var showsChoiceProbabilities = false
    package var ignoreEOS = false
    /// The demanded form of the answer; nil for free text.
    package var constraint: RequestedConstraint?
    /// Functions that the model may call; nil for none.
    package var tools: ToolRequest?
    /// Number of choices (`n`), each sampled with its own random numbers.
    package var choices = 1
    package var includeReasoning = true
    /// True when the template opens the assistant's turn.
    package var addGenerationPrompt = true
    /// True when the answer continues the last message, which is the assistant's.
    package var continuesFinalMessage = false
    /// Name of a thinking budget of the worker (`reasoning_effort`).
    package var effort: String?

    package init(prompt: Prompt) { self.prompt = prompt }
}

/// Limits of one request. A request beyond them is refused before any work is done.
package enum RequestLimit {
    package static let choicesMax = 128
    package static let stopStringsMax = 64
    package static let stopStringBytesMax = 4096
    /// Maximum size of a body in bytes. A longer prompt fits no Qwen3 context (1 M tokens).
    package static let bodyBytesMax = 64 << 20
    /// Bytes of a body for each token of the context. Text has about 4 bytes a token, 12 with JSON's escapes.
    package static let bodyBytesPerToken = 64

    /// Maximum size of a body for a context of `tokens`, in bytes; never below 1 MiB.
    package static func bodyBytes(context tokens: Int) -> Int {
        max(1 << 20, min(max(tokens, 0), bodyBytesMax / bodyBytesPerToken) * bodyBytesPerToken)
    }
}
