package import MoedCore

/// How a job's thinking begins, is recognised and is cut off.
package struct ThinkingPolicy: Sendable, Equatable {
    /// Whether output up to `</think>` counts as thinking.
    package var isEnabled: Bool
    /// The prompt already ends with an open `<think>` (the Thinking-2507 templates).
    package var startsOpen: Bool
    /// Id of `<think>`, by the tokenizer; nil when the model has none.
    package var openID: TokenID?
    /// Id of `</think>`, by the tokenizer.
    package var closeID: TokenID?
    /// After this many generated tokens without `</think>` the thinking is ended; nil is never.
    package var budget: Int?
    /// What is put into the output then: Qwen's early-stop text, tokenised, `</think>` included.
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

/// Follows one output through thinking and answer, and says when the budget ends the thinking.
///
/// A model may open `<think>` itself (Qwen3 hybrids), find it opened by the prompt (Thinking-2507), or answer at once.
struct ThinkingTracker: Equatable {
    enum Phase: Equatable {
        /// Nothing generated yet: the first token tells whether the model opens its thinking.
        case undecided
        case thinking
        case answering
    }

    /// Where a token's text belongs.
    enum Role: Equatable {
        case thinking
        case answer
        /// `<think>` or `</think>`: no text.
        case tag
        /// A `</think>` without `<think>`: what came before was thinking after all.
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

    /// Whether the injection is due now, before the next token is generated.
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

    /// Adds this output's tokens to a job's account.
    func count(into usage: inout Usage) {
        let thinking = injectedFrom ?? closedAfter ?? (phase == .thinking ? tokens : 0)
        usage.thinking += thinking
        usage.injected += injectedCount
        usage.answer += tokens - thinking - injectedCount
    }
}
