package import MoedCore

/// One job as the generation loop takes it: everything is resolved to token ids and numbers.
package struct GenerationTask: Sendable {
    package var job: JobID
    package var group: JobGroup
    /// The prompt, at least one token.
    package var prompt: [TokenID]
    /// Most tokens to generate, injected ones included; at least 1.
    package var newTokensMax: Int
    package var sampling: SamplingParameters
    package var choices: Int
    /// Ids that end a choice: the model's end tokens and the request's `stop_token_ids`.
    package var stopIDs: Set<TokenID>
    /// Texts that end a choice when they appear in the answer; thinking is not searched.
    package var stopStrings: [String]
    package var thinking: ThinkingPolicy
    /// Whether the thinking text is part of the result; it is generated and counted either way.
    package var includesReasoning = true
    /// How long the job had waited when it was handed over: what `max_wait` is measured against.
    package var waited: Duration
    /// Output tokens by choice that an earlier attempt left: the job goes on behind them.
    package var saved: [Int: [TokenID]] = [:]
    /// Remarks for the job's owner that are known before it runs.
    package var warnings: [String] = []
    /// Makes the detokeniser of one choice.
    package var makeTextStream: @Sendable () -> any TokenTextStream

    package init(
        job: JobID, group: JobGroup, prompt: [TokenID], newTokensMax: Int,
        sampling: SamplingParameters = .greedy,
        choices: Int = 1, stopIDs: Set<TokenID> = [], stopStrings: [String] = [],
        thinking: ThinkingPolicy = .none, waited: Duration = .zero,
        makeTextStream: @escaping @Sendable () -> any TokenTextStream
    ) {
        precondition(
            !prompt.isEmpty && newTokensMax > 0 && choices > 0, "an unchecked request reached the loop")
        self.job = job
        self.group = group
        self.prompt = prompt
        self.newTokensMax = newTokensMax
        self.sampling = sampling
        self.choices = choices
        self.stopIDs = stopIDs
        self.stopStrings = stopStrings
        self.thinking = thinking
        self.waited = waited
        self.makeTextStream = makeTextStream
    }
}
