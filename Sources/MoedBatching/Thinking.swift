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

    /// True when the injection is due before the next token is generated.
    var injectionIsDue: Bool {
        policy.isEnabled && policy.budget == tokens && closedAfter == nil && injectedFrom == nil
            && !policy.injection.isEmpty
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

    /// Adds this output's tokens to a job's usage.
    func count(into usage: inout Usage) {
        let thinking = injectedFrom ?? closedAfter ?? (phase == .thinking ? tokens : 0)
        usage.thinking += thinking
        usage.injected += injectedCount
        usage.answer += tokens - thinking - injectedCount
    }
}
