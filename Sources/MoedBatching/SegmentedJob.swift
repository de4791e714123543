package import MoedCore

/// A job whose tokens come from requests to a remote engine. Each choice is a chain of segments, one request each.
///
/// Thinking, budget, injected tokens, stop texts and counts are those of the local engine: both feed `SequenceState`.
package struct SegmentedJob: Sendable {
    /// Input of one request: the engine continues `prompt` by at most `tokensMax` tokens.
    package struct Segment: Sendable, Equatable {
        package var prompt: [TokenID]
        package var tokensMax: Int
        /// Number of output tokens of the choice before this segment.
        package var position: Int
        /// Seed of this segment's random numbers, 0…2⁶³ − 1. The same cut gives the same seed.
        package var seed: UInt64
    }

    /// Effect of one token on its choice.
    package enum Step: Sendable, Equatable {
        /// The segment goes on.
        case goesOn
        /// Tokens were injected: the choice continues with a new segment.
        case needsNewSegment
        /// The choice has ended.
        case ended
    }

    package let task: GenerationTask
    /// Choices by index.
    private var states: [SequenceState]
    /// Choices as they were when their segment began.
    private var starts: [Int: SequenceState] = [:]
    private var warnings: [String]
    /// Cached tokens of the prompt, by choice, as the endpoints report them.
    private var cached: [Int: Int] = [:]

    package init(_ task: GenerationTask) {
        precondition(task.choices > 0, "an unchecked request reached the runner")
        self.task = task
        warnings = task.warnings
        states = (0..<task.choices).map { SequenceState(task, choice: $0) }
    }

    /// Choices that have not ended.
    package var openChoices: [Int] { states.indices.filter { states[$0].finishReason == nil } }
    package var isFinished: Bool { states.allSatisfy { $0.finishReason != nil } }

    package func isOpen(_ choice: Int) -> Bool { states[choice].finishReason == nil }

    /// Number of output tokens of a choice.
    package func position(of choice: Int) -> Int { states[choice].outputIDs.count }

    /// Length of the sequence when the choice uses all tokens that it may.
    package var tokensMax: Int { task.prompt.count + task.newTokensMax }

    /// Begins the next segment of a choice; nil when the choice has ended.
    package mutating func begin(_ choice: Int) -> Segment? {
        guard isOpen(choice) else { return nil }
        _ = states[choice].takeStep(SequenceID(choice), rows: .max)
        let state = states[choice]
        starts[choice] = state
        let position = state.outputIDs.count
        return Segment(
            prompt: task.prompt + state.outputIDs, tokensMax: state.tokensBeforeInjection, position: position,
            seed: Self.seed(task.sampling.seed, choice: choice, position: position))
    }

    /// Seed of a segment: the job's own for the first segment of its first choice.
    package static func seed(_ seed: UInt64, choice: Int, position: Int) -> UInt64 {
        guard choice > 0 || position > 0 else { return seed & (.max >> 1) }
        var mixed = SplitMix(seed: seed)
        var both = SplitMix(seed: mixed.next() ^ UInt64(truncatingIfNeeded: choice))
        var all = SplitMix(seed: both.next() ^ UInt64(truncatingIfNeeded: position))
        return all.next() & (.max >> 1)
    }

    /// Appends a token to a choice. A choice that has ended ignores it.
    package mutating func accept(_ token: TokenID, choice: Int) -> Step {
        guard isOpen(choice) else { return .ended }
        states[choice].accept(token)
        return isOpen(choice) ? (states[choice].wasInjected ? .needsNewSegment : .goesOn) : .ended
    }

    /// Drops the tokens of a choice since its segment began: the endpoint's counts contradict them.
    ///
    /// - Precondition: the choice has reported no token of the segment.
    package mutating func rollBack(_ choice: Int) {
        if let start = starts[choice] { states[choice] = start }
    }

    /// Records the cached prompt tokens of a choice's first segment. A token that one choice computed was not cached.
    package mutating func note(cached tokens: Int, choice: Int) {
        cached[choice] = min(max(0, tokens), task.prompt.count)
    }

    package mutating func warn(_ text: String) { if !warnings.contains(text) { warnings.append(text) } }

    /// The result of a finished job.
    package func result() -> GenerationResult? {
        guard isFinished else { return nil }
        var usage = Usage()
        usage.prompt = task.prompt.count
        var warnings = warnings
        var choices: [GenerationChoice] = []
        for var state in states {
            let choice = state.finish(into: &usage)
            if let warning = state.warning(of: choice), !warnings.contains(warning) { warnings.append(warning) }
            choices.append(choice)
            usage.recomputed += state.recomputedCount
        }
        usage.cachedPrompt = states.indices.map { cached[$0] ?? 0 }.min() ?? 0
        if usage.recomputed > 0 { usage.recomputed += usage.prompt - usage.cachedPrompt }
        return GenerationResult(choices: choices, usage: usage, seed: task.sampling.seed, warnings: warnings)
    }

    /// Tokens of the job so far. They are wasted when it ends without a result. Zero before its first segment.
    package var wasted: Usage {
        guard states.contains(where: \.hasBegun) else { return Usage() }
        var usage = Usage()
        usage.prompt = task.prompt.count
        for state in states { state.count(into: &usage) }
        return usage
    }

    /// Returns the output tokens since the last call, without those of `unproven` choices.
    package mutating func takeProgress(unproven: Set<Int> = []) -> [OutputPiece] {
        states.indices.filter { !unproven.contains($0) }.compactMap { states[$0].takeProgress() }
    }
}
