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
    /// Number of tokens that the engine has, and had before it forgot the sequence.
    private(set) var fedCount = 0
    private var fedBefore = 0
    /// Number of tokens that were fed again after the engine forgot the sequence.
    private(set) var fedAgainCount = 0
    /// Number of prompt tokens served from the prefix cache, without those that this sequence had computed.
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
    private(set) var text: OutputText
    /// The place of the answer in the job's constraint.
    private var constraint: (any TokenConstraint)?
    private(set) var log: ReportLog
    private var embedding: [Float]?
    /// Remark on tool calls that could not be read.
    private var callWarning: String?
    /// Output tokens of the answer, each with the number of bytes before it.
    private(set) var answerTokens: [(index: Int, start: Int)] = []

    init(_ task: GenerationTask, choice: Int) {
        self.task = task
        self.choice = choice
        pending = task.prompt[...]
        thinking = ThinkingTracker(task.thinking)
        constraint = task.constraint
        log = ReportLog(task.reporting, prompt: task.prompt, isFirst: choice == 0)
        text = OutputText(
            stops: task.stops, includesStop: task.includesStop, makeTextStream: task.makeTextStream)
        injectIfDue()
        replay(task.saved[choice] ?? [])
    }

    var tokensMax: Int { task.prompt.count + task.newTokensMax }

    /// - Parameter kvTokens: KV capacity to reserve at first, in tokens.
    func opening(kvTokens: Int) -> SequenceOpening {
        var opening = SequenceOpening(
            prompt: task.prompt, tokensMax: tokensMax, kvTokens: kvTokens,
            sampling: task.sampling, choice: choice, adapter: task.adapter)
        opening.takesPrefix = task.reporting.prompt == nil || choice > 0
        return opening
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
        cachedTokens += max(0, fedCount + share.tokens - max(fedCount, fedBefore))
        fedCount += share.tokens
        isWaiting = share.isComing
    }

    /// Takes up to `rows` pending tokens as the next step.
    mutating func takeStep(_ sequence: SequenceID, rows: Int) -> SequenceStep {
        let chunk = pending.prefix(rows)
        let first = task.prompt.count + outputIDs.count - pending.count
        promptTokensIn = min(promptTokensIn + chunk.count, task.prompt.count)
        pending = pending.dropFirst(chunk.count)
        fedAgainCount += max(0, min(fedCount + chunk.count, fedBefore) - fedCount)
        fedCount += chunk.count
        if task.embedding != nil {
            var step = SequenceStep(sequence: sequence, tokens: Array(chunk), samples: false)
            step.embeds = pending.isEmpty
            return step
        }
        let (samples, allowed) = (pending.isEmpty, pending.isEmpty ? self.allowed : nil)
        return SequenceStep(
            sequence: sequence, tokens: Array(chunk), samples: samples, allowed: allowed,
            reports: log.request(
                first..<first + chunk.count, sampled: samples && !thinking.isThinking, allowed: allowed,
                promptCount: task.prompt.count))
    }

    /// The engine has forgotten the sequence: all its tokens are fed again.
    mutating func rewind() {
        pending = (task.prompt + outputIDs)[...]
        (promptTokensIn, isWaiting) = (0, false)
        (fedBefore, fedCount) = (max(fedBefore, fedCount), 0)
    }

    /// Tokens that may come next; nil for all.
    private var allowed: AllowedTokens? {
        var excluded = task.bans.tokens(after: outputIDs)
        if outputIDs.count < task.minTokens { excluded.formUnion(task.stopIDs) }
        guard let constraint else { return excluded.isEmpty ? nil : AllowedTokens(allBut: excluded) }
        // An output that ends within its thought would have no answer.
        guard !thinking.isThinking else { return AllowedTokens(allBut: excluded.union(task.stopIDs)) }
        return AllowedTokens(
            constraint, room: task.newTokensMax - outputIDs.count,
            other: thinking.isUndecided ? task.thinking.openID : nil, allBut: excluded)
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
    var hasBegun: Bool { fedCount > 0 || fedBefore > 0 }

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

    /// Takes a step's answer: reports on earlier tokens, and the sampled token.
    mutating func accept(_ output: StepOutput) {
        if let request = task.embedding, let found = output.embedding {
            (embedding, finishReason) = (request.cut(found), .stop)
            return
        }
        log.take(output.reports)
        if let token = output.token { accept(token) }
    }

    /// Appends the sampled token to the output, then ends the choice or sets the next pending tokens.
    mutating func accept(_ token: TokenID) {
        let place = task.prompt.count + outputIDs.count
        let allowed = log.readsAnswer && !thinking.isThinking ? self.allowed : nil
        outputIDs.append(token)
        let role = thinking.acceptGenerated(token)
        if task.stopIDs.contains(token) {
            if role == .answer { log.add(token, at: place, allowed: allowed) }
            if task.includesStop, task.namedStopIDs.contains(token) { _ = text.append(token, as: role) }
            finishReason = .stop
            return
        }
        let start = text.answerCount
        let isCut = text.append(token, as: role, mayStop: outputIDs.count > task.minTokens)
        if role == .lateClose { answerTokens = [] }
        if role != .answer { log.forget(place) }
        if role == .answer {
            log.add(token, at: place, allowed: allowed)
            if !text.isLeading { answerTokens.append((outputIDs.count - 1, start)) }
        }
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
        if let callWarning { return callWarning }
        let isEmpty = choice.isWithoutAnswer
        switch choice.finishReason {
        case .length where thinking.isThinking: return "max_tokens ended the thinking: the answer is empty"
        case .length where isEmpty: return "max_tokens left no token for the answer: the answer is empty"
        case .length: return "max_tokens cut the answer off: it has \(task.newTokensMax) tokens at most"
        case .toolCalls, .contentFilter: return nil
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
        var choice = GenerationChoice(
            index: choice, content: content, reasoning: task.includesReasoning ? reasoning : nil,
            finishReason: finishReason ?? .length, outputIDs: outputIDs)
        choice.stopReason = stopReason
        if let embedding {
            choice.embedding = embedding
            choice.content = "[" + embedding.map { "\($0)" }.joined(separator: ",") + "]"
        }
        if let read = task.readCalls?(content) {
            choice.content = read.content
            choice.toolCalls = read.toolCalls(job: task.job, choice: choice.index)
            callWarning = read.warning
            if !choice.toolCalls.isEmpty, choice.finishReason == .stop { choice.finishReason = .toolCalls }
        }
        if task.reporting.answer != nil { choice.logprobs = answerLogprobs }
        if !task.reporting.choices.isEmpty { choice.choiceProbabilities = choiceProbabilities }
        return choice
    }
}
