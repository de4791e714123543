import MoedCore

/// One choice of a job on its way through the engine: what is to be fed next, what came out, when it ends.
///
/// Prefill, decoding and the injected end of thinking are one thing here: tokens pending to be fed; when the last
/// of them has been, a token is sampled.
struct SequenceState: Sendable {
    let task: GenerationTask
    let choice: Int
    /// Tokens the engine has not seen yet.
    private(set) var pending: ArraySlice<TokenID>
    /// Tokens of the prompt that the engine has: fed, or taken from another sequence.
    private var promptTokensIn = 0
    /// Of these, those that were not fed.
    private(set) var cachedTokens = 0
    /// Another sequence is computing what this one needs next.
    private(set) var isWaiting = false
    private(set) var outputIDs: [TokenID] = []
    private(set) var finishReason: FinishReason?
    /// Output tokens that were taken over from an earlier attempt.
    private var savedCount = 0
    /// Output tokens that ``takeProgress()`` has returned, or need not.
    private var reportedCount = 0
    private var thinking: ThinkingTracker
    private var text: OutputText

    init(_ task: GenerationTask, choice: Int) {
        self.task = task
        self.choice = choice
        pending = task.prompt[...]
        thinking = ThinkingTracker(task.thinking)
        text = OutputText(stopStrings: task.stopStrings, makeTextStream: task.makeTextStream)
        injectIfDue()
        replay(task.saved[choice] ?? [])
    }

    var opening: SequenceOpening {
        SequenceOpening(
            prompt: task.prompt, tokensMax: task.prompt.count + task.newTokensMax,
            sampling: task.sampling, choice: choice)
    }

    /// Whether part of the prompt is still to be fed.
    var isInPrompt: Bool { promptTokensIn < task.prompt.count }

    /// Tokens that can be fed now.
    var feedableCount: Int { isWaiting ? 0 : pending.count }

    /// Leaves out what the engine took from another sequence.
    mutating func skip(_ share: PrefixShare) {
        precondition(
            promptTokensIn + share.tokens < task.prompt.count, "no token of the prompt is left to feed")
        pending = pending.dropFirst(share.tokens)
        promptTokensIn += share.tokens
        cachedTokens += share.tokens
        isWaiting = share.isComing
    }

    /// Takes up to `rows` pending tokens as the next step.
    mutating func takeStep(_ sequence: SequenceID, rows: Int) -> SequenceStep {
        let chunk = pending.prefix(rows)
        promptTokensIn = min(promptTokensIn + chunk.count, task.prompt.count)
        pending = pending.dropFirst(chunk.count)
        return SequenceStep(sequence: sequence, tokens: Array(chunk), samples: pending.isEmpty)
    }

    /// Takes over what an earlier attempt generated, as if it had been generated here; all of it is fed again.
    private mutating func replay(_ saved: [TokenID]) {
        guard !saved.isEmpty else { return }
        let beginning = self
        while finishReason == nil, outputIDs.count < saved.count { accept(saved[outputIDs.count]) }
        // The end of the thinking puts itself in again: where it differs, the settings have changed since.
        guard outputIDs == saved else {
            self = beginning
            return
        }
        pending = (task.prompt + outputIDs)[...]
        savedCount = saved.count
        reportedCount = saved.count
    }

    /// Whether the engine has tokens of it.
    var hasBegun: Bool { promptTokensIn > 0 }

    /// Output tokens of an earlier attempt that were fed again.
    var recomputedCount: Int { hasBegun ? savedCount : 0 }

    /// The output tokens since it was last asked; nil when there are none.
    mutating func takeProgress() -> OutputPiece? {
        guard outputIDs.count > reportedCount else { return nil }
        defer { reportedCount = outputIDs.count }
        return OutputPiece(
            job: task.job, choice: choice, firstToken: reportedCount,
            tokens: Array(outputIDs[reportedCount...]))
    }

    /// Adds its output tokens so far to a job's account.
    func count(into usage: inout Usage) { thinking.count(into: &usage) }

    /// Takes the sampled token into the output and decides what follows.
    mutating func accept(_ token: TokenID) {
        outputIDs.append(token)
        let role = thinking.acceptGenerated(token)
        if task.stopIDs.contains(token) {
            finishReason = .stop
            return
        }
        if text.append(token, as: role) {
            finishReason = .stop
            return
        }
        guard outputIDs.count < task.newTokensMax else {
            finishReason = .length
            return
        }
        pending = [token]
        injectIfDue()
    }

    /// Ends the thinking at its budget by feeding the early-stop text as if the model had written it.
    private mutating func injectIfDue() {
        guard thinking.injectionIsDue else { return }
        let injection = task.thinking.injection.prefix(task.newTokensMax - outputIDs.count)
        for token in injection {
            outputIDs.append(token)
            _ = text.append(token, as: thinking.acceptInjected(token))
        }
        pending += injection
        if outputIDs.count == task.newTokensMax { finishReason = .length }
    }

    /// The finished choice; adds its tokens to the job's account.
    mutating func finish(into usage: inout Usage) -> GenerationChoice {
        precondition(finishReason != nil, "an unfinished sequence was collected")
        count(into: &usage)
        let (content, reasoning) = text.finish()
        return GenerationChoice(
            index: choice, content: content, reasoning: task.includesReasoning ? reasoning : nil,
            finishReason: finishReason ?? .length, outputIDs: outputIDs)
    }
}
