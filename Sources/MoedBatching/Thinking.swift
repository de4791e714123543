package import MoedCore

/// Start, tags and budget of a job's thinking.
package struct ThinkingPolicy: Sendable, Equatable {
    /// True when output up to `</think>` counts as thinking.
    package var isEnabled: Bool
    /// True when the prompt already ends with an open `<think>` (the Thinking-2507 templates).
    package var startsOpen: Bool
    /// Id of `<think>`, by the tokenizer; nil when the model has none.
    package var openID: TokenID?
    /// Id of `</think>`, by the tokenizer.
    package var closeID: TokenID?
    /// Number of generated tokens without `</think>` after which the thinking is ended; nil means no limit.
    package var budget: Int?
    /// Tokens injected at the end of the budget: Qwen's early-stop text, tokenised, including `</think>`.
    package var injection: [TokenID]
    /// Tokens kept for the end of the thinking and the answer: when only these are left, the thinking is ended.
    package var reserve = AnswerReserve.none

    package static let none = ThinkingPolicy(
        isEnabled: false, startsOpen: false, openID: nil, closeID: nil, budget: nil, injection: [])

    package init(
        isEnabled: Bool, startsOpen: Bool, openID: TokenID?, closeID: TokenID?, budget: Int?,
        injection: [TokenID]
    ) {
        self.isEnabled = isEnabled
        self.startsOpen = startsOpen
        self.openID = openID
        self.closeID = closeID
        self.budget = budget
        self.injection = injection
    }
}

/// Tokens of a choice that thinking must leave to the answer.
package struct AnswerReserve: Sendable, Equatable {
    /// Number of tokens; 0 reserves none.
    package var tokens: Int
    /// Tokens injected when only `tokens` are left; fewer than these.
    package var injection: [TokenID]

    /// Tokens that must remain for the answer behind any injection.
    private(set) var least = 0

    package static let none = AnswerReserve(tokens: 0, injection: [])

    /// Reserves tokens, unless no injection is shorter than the reserve.
    ///
    /// - Parameters:
    ///   - asked: tokens to reserve; at most a quarter of `newTokensMax` counts.
    ///   - needed: tokens that the shortest answer has; all of them are reserved.
    ///   - long: text that ends the thinking, where it takes at most half of the reserve.
    ///   - short: text that ends the thinking in a smaller reserve.
    package init(_ asked: Int, newTokensMax: Int, needed: Int = 0, long: [TokenID], short: [TokenID]) {
        least = needed > 0 ? needed + 2 : 0
        let tokens = max(min(asked, Self.most(newTokensMax)), needed > 0 ? least + short.count : 0)
        let isShort = long.count > tokens / 2 || tokens - long.count < least
        let injection = isShort ? short : long
        let fits = !injection.isEmpty && injection.count < tokens
        self.tokens = fits ? tokens : 0
        self.injection = fits ? injection : []
    }

    /// Largest reserve of a choice with this number of tokens.
    package static func most(_ newTokensMax: Int) -> Int { newTokensMax / 4 }

    private init(tokens: Int, injection: [TokenID]) {
        self.tokens = tokens
        self.injection = injection
    }
}

/// Tracks one output through thinking and answer, and reports when the budget ends the thinking.
///
/// A model may open `<think>` itself (Qwen3 hybrids), find it opened by the prompt (Thinking-2507), or answer at once.
struct ThinkingTracker: Equatable {
    enum Phase: Equatable {
        /// No token is generated yet: the first one determines the next phase.
        case undecided
        case thinking
        case answering
    }

    /// Part of the output that a token's text belongs to.
    enum Role: Equatable {
        case thinking
        case answer
        /// `<think>` or `</think>`: no text.
        case tag
        /// A `</think>` without `<think>`: all text before it is reclassified as thinking.
        case lateClose
    }

    private let policy: ThinkingPolicy
    private(set) var phase: Phase
    private var tokens = 0
    private var closedAfter: Int?
    private var injectedFrom: Int?
    private var injectedCount = 0

    init(_ policy: ThinkingPolicy) {
        self.policy = policy
        phase = !policy.isEnabled ? .answering : policy.startsOpen ? .thinking : .undecided
    }

    /// Tokens to inject before the next token is generated; nil when the thinking goes on or has ended.
    ///
    /// - Parameter left: number of tokens that the output may still have, at least 1.
    func injection(left: Int) -> ArraySlice<TokenID>? {
        guard policy.isEnabled, phase != .answering, closedAfter == nil, injectedFrom == nil else { return nil }
        let reserve = policy.reserve
        // Before its first token an output has no thought to be ended, except by a budget of 0.
        if phase == .thinking, left <= reserve.tokens { return reserve.injection[...] }
        guard policy.budget == tokens, !policy.injection.isEmpty else { return nil }
        // Close to the end the budget's text would take the answer's room.
        let kept = max(reserve.tokens / 2, reserve.least)
        if phase == .thinking, reserve.tokens > 0, left < policy.injection.count + kept {
            return reserve.injection[...]
        }
        return policy.injection.prefix(left)
    }

    /// Number of tokens that may be generated before an injection can be due, 1…`left`.
    ///
    /// - Parameter left: number of tokens that the output may still have, at least 1.
    func tokensBeforeInjection(left: Int) -> Int {
        guard policy.isEnabled, phase != .answering, closedAfter == nil, injectedFrom == nil else { return left }
        var most = left
        if let budget = policy.budget, !policy.injection.isEmpty, budget > tokens { most = min(most, budget - tokens) }
        if policy.reserve.tokens > 0 { most = min(most, left - policy.reserve.tokens) }
        return max(1, most)
    }

    mutating func acceptGenerated(_ token: TokenID) -> Role { accept(token) }

    mutating func acceptInjected(_ token: TokenID) -> Role {
        if injectedFrom == nil { injectedFrom = tokens }
        injectedCount += 1
        if phase == .undecided { phase = .thinking }
        return accept(token)
    }

    private mutating func accept(_ token: TokenID) -> Role {
        defer { tokens += 1 }
        guard policy.isEnabled else { return .answer }
        if token == policy.closeID, closedAfter == nil {
            closedAfter = tokens + 1
            defer { phase = .answering }
            return phase == .answering ? .lateClose : .tag
        }
        switch phase {
        case .undecided:
            phase = token == policy.openID ? .thinking : .answering
            return phase == .thinking ? .tag : .answer
        case .thinking: return .thinking
        case .answering: return .answer
        }
    }

    /// True until the first token tells whether the output begins with a thought.
    var isUndecided: Bool { phase == .undecided }

    /// True while the output is inside a thought.
    var isThinking: Bool { phase == .thinking }

    /// Adds this output's tokens to a job's usage.
    func count(into usage: inout Usage) {
        let thinking = injectedFrom ?? closedAfter ?? (phase == .thinking ? tokens : 0)
        usage.thinking += thinking
        usage.injected += injectedCount
        usage.answer += tokens - thinking - injectedCount
    }
}
