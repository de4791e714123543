import MoedCore

/// State of one choice of a job in the engine: pending tokens, output so far, and the reason for its end.
///
/// Prefill, decoding and the injected end of thinking work alike. Each adds pending tokens; once the last one is fed,
/// a token is sampled.
struct SequenceState: Sendable {
    let task: GenerationTask
    let choice: Int
    /// Tokens that the engine has not received yet.
    private(set) var pending: ArraySlice<TokenID>
    /// Number of prompt tokens that the engine has: fed, or served from the prefix cache.
    private var promptTokensIn = 0
    /// Number of prompt tokens served from the prefix cache.
    private(set) var cachedTokens = 0
    /// True while another sequence computes the next prompt tokens of this one.
    private(set) var isWaiting = false
    private(set) var outputIDs: [TokenID] = []
    private(set) var finishReason: FinishReason?
    /// Number of output tokens resumed from an earlier attempt.
    private var savedCount = 0
    /// Number of output tokens that ``takeProgress()`` has returned or that an earlier attempt checkpointed.
    private var reportedCount = 0
    private var thinking: ThinkingTracker
    private var text: OutputText
    /// The place of the answer in the job's constraint.
    private var constraint: (any TokenConstraint)?

    init(_ task: GenerationTask, choice: Int) {
        self.task = task
        self.choice = choice
        pending = task.prompt[...]
        thinking = ThinkingTracker(task.thinking)
        constraint = task.constraint
        text = OutputText(stops: task.stops, makeTextStream: task.makeTextStream)
        injectIfDue()
        replay(task.saved[choice] ?? [])
    }

    var opening: SequenceOpening {
        SequenceOpening(
            prompt: task.prompt, tokensMax: task.prompt.count + task.newTokensMax,
            sampling: task.sampling, choice: choice, adapter: task.adapter)
    }

    /// True while the engine lacks part of the prompt.
    var isInPrompt: Bool { promptTokensIn < task.prompt.count }

    /// Number of tokens that can be fed now.
    var feedableCount: Int { isWaiting ? 0 : pending.count }

    /// Removes pending prompt tokens that were served from the prefix cache.
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
        return SequenceStep(
            sequence: sequence, tokens: Array(chunk), samples: pending.isEmpty,
            allowed: pending.isEmpty ? allowed : nil)
    }

    /// Tokens that may come next; nil for all.
    private var allowed: AllowedTokens? {
        guard let constraint else { return nil }
        // An output that ends within its thought would have no answer.
        guard !thinking.isThinking else { return AllowedTokens(allBut: task.stopIDs) }
        return AllowedTokens(
            constraint, room: task.newTokensMax - outputIDs.count,
            other: thinking.isUndecided ? task.thinking.openID : nil)
    }

    /// Takes a token of the answer. Returns true when the constraint lets nothing follow.
    private mutating func constrain(_ token: TokenID, _ role: ThinkingTracker.Role) -> Bool {
        guard role == .answer, constraint != nil else { return false }
        constraint?.accept(token)
        return constraint?.isFinished ?? false
    }

    /// Number of tokens that may be generated before this choice ends or an injection can be due; at least 1.
    var tokensBeforeInjection: Int { thinking.tokensBeforeInjection(left: task.newTokensMax - outputIDs.count) }

    /// True when the last accepted token made an injection due: more than that token is pending.
    var wasInjected: Bool { pending.count > 1 }

    /// Resumes the output of an earlier attempt as if this attempt had generated it. All of it is fed again.
    private mutating func replay(_ saved: [TokenID]) {
        guard !saved.isEmpty else { return }
        let beginning = self
        while finishReason == nil, outputIDs.count < saved.count { accept(saved[outputIDs.count]) }
        // The end of the thinking is injected again. If it differs, the settings have changed: start from the prompt.
        guard outputIDs == saved else {
            self = beginning
            return
        }
        pending = (task.prompt + outputIDs)[...]
        savedCount = saved.count
        reportedCount = saved.count
    }

    /// True when the engine has tokens of the sequence.
    var hasBegun: Bool { promptTokensIn > 0 }

    /// Number of output tokens of an earlier attempt that were fed again.
    var recomputedCount: Int { hasBegun ? savedCount : 0 }

    /// Returns the output tokens since the last call; nil when there are none.
    mutating func takeProgress() -> OutputPiece? {
        guard outputIDs.count > reportedCount else { return nil }
        defer { reportedCount = outputIDs.count }
        return OutputPiece(
            job: task.job, choice: choice, firstToken: reportedCount,
            tokens: Array(outputIDs[reportedCount...]))
    }

    /// Adds the output tokens so far to a job's usage.
    func count(into usage: inout Usage) { thinking.count(into: &usage) }

    /// Appends the sampled token to the output, then ends the choice or sets the next pending tokens.
    mutating func accept(_ token: TokenID) {
        outputIDs.append(token)
        let role = thinking.acceptGenerated(token)
        if task.stopIDs.contains(token) {
            finishReason = .stop
            return
        }
        let isCut = text.append(token, as: role)
        if constrain(token, role) || isCut {
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

    /// Ends the thinking by feeding a text as if the model had written it.
    private mutating func injectIfDue() {
        guard let injection = thinking.injection(left: task.newTokensMax - outputIDs.count) else { return }
        for token in injection {
            outputIDs.append(token)
            let role = thinking.acceptInjected(token)
            _ = text.append(token, as: role)
            _ = constrain(token, role)
        }
        pending += injection
        if outputIDs.count == task.newTokensMax { finishReason = .length }
    }

    /// Reason why the finished choice's answer is empty or cut off; nil when it is whole.
    func warning(of choice: GenerationChoice) -> String? {
        let isEmpty = choice.content.allSatisfy(\.isWhitespace)
        switch choice.finishReason {
        case .length where thinking.isThinking: return "max_tokens ended the thinking: the answer is empty"
        case .length where isEmpty: return "max_tokens left no token for the answer: the answer is empty"
        case .length: return "max_tokens cut the answer off: it has \(task.newTokensMax) tokens at most"
        case .stop where !isEmpty: return nil
        case .stop where thinking.isThinking: return "the model stopped while thinking: the answer is empty"
        case .stop where outputIDs.last.map(task.stopIDs.contains) == true:
            return "the model stopped before its answer: the answer is empty"
        case .stop: return "a stop string ended the answer at its beginning: the answer is empty"
        }
    }

    /// Returns the finished choice and adds its tokens to the job's usage.
    mutating func finish(into usage: inout Usage) -> GenerationChoice {
        precondition(finishReason != nil, "an unfinished sequence was collected")
        count(into: &usage)
        let (content, reasoning) = text.finish()
        return GenerationChoice(
            index: choice, content: content, reasoning: task.includesReasoning ? reasoning : nil,
            finishReason: finishReason ?? .length, outputIDs: outputIDs)
    }
}
