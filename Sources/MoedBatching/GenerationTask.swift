package import MoedCore

/// One job in the form that the generation loop runs, resolved to token ids and numbers.
package struct GenerationTask: Sendable {
    package var job: JobID
    package var jobClass: JobClass
    /// Name of the adapter that answers; nil is the model itself.
    package var adapter: String?
    /// Form of the embedding that is asked for; nil generates an answer.
    package var embedding: EmbeddingRequest?
    /// The prompt, at least one token.
    package var prompt: [TokenID]
    /// Maximum number of tokens to generate, including injected ones; at least 1.
    package var newTokensMax: Int
    package var sampling = SamplingParameters.greedy
    package var choices = 1
    /// Ids that end a choice: the model's end tokens and the request's `stop_token_ids`.
    package var stopIDs: Set<TokenID> = []
    /// Texts that end a choice when they appear in the answer; thinking is not searched.
    package var stopStrings: [String] = [] { didSet { stops = StopStrings(stopStrings) } }
    /// The same, ready to be searched; all choices share it.
    private(set) var stops = StopStrings([])
    /// Those of `stopIDs` that the request names; they are the result's `stop_reason`.
    package var namedStopIDs: Set<TokenID> = []
    /// True when the text that ends an answer is a part of it.
    package var includesStop = false
    /// Number of output tokens before which nothing ends a choice.
    package var minTokens = 0
    /// Sequences of tokens that are not generated.
    package var bans = TokenBans([])
    /// Log-probabilities that the result shows.
    package var reporting = Reporting.none
    package var thinking = ThinkingPolicy.none
    /// True when the result includes the thinking text. Thinking is generated and counted either way.
    package var includesReasoning = true
    /// The request's messages, for endpoints at the level of chats; nil where there are none.
    package var chat: ChatInput?
    /// Waiting time of the job when it was submitted. It is compared with `max_wait`.
    package var waited = Duration.zero
    /// Condition on each choice's answer, at its beginning; nil for free text.
    package var constraint: (any TokenConstraint)?
    /// Checkpointed output tokens of an earlier attempt, by choice. The job continues after them.
    package var saved: [Int: [TokenID]] = [:]
    /// Verdicts of rules that let the request pass.
    package var verdicts: [ContentVerdict] = []
    /// Question to services about the request, asked before it runs; nil for none.
    package var inquiry: ContentInquiry?
    /// Warnings for the job's owner that are known before the job runs.
    package var warnings: [String] = []
    /// Reads tool calls out of an answer; nil leaves it as it is.
    package var readCalls: (@Sendable (String) -> ReadAnswer)?
    /// The bytes of a token, control tokens with their spelling.
    package var tokenBytes: @Sendable (TokenID) -> [UInt8] = { _ in [] }
    /// Makes the detokeniser of one choice.
    package var makeTextStream: @Sendable () -> any TokenTextStream

    /// One greedy choice that ends at `newTokensMax`; everything else is set afterwards.
    ///
    /// - Precondition: `prompt` is not empty, and `newTokensMax` is at least 1.
    package init(
        job: JobID, jobClass: JobClass, prompt: [TokenID], newTokensMax: Int,
        makeTextStream: @escaping @Sendable () -> any TokenTextStream
    ) {
        precondition(!prompt.isEmpty && newTokensMax > 0, "an unchecked request reached the loop")
        self.job = job
        self.jobClass = jobClass
        self.prompt = prompt
        self.newTokensMax = newTokensMax
        self.makeTextStream = makeTextStream
    }
}
