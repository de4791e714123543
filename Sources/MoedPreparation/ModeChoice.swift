import MoedCore

/// The mode in which a request runs: what it asks for, what its model offers, and the worker's default.
struct ModeChoice {
    let mode: ReasoningMode
    /// Remark on a wish that the model cannot grant.
    let warning: String?

    /// - Parameter fallback: mode of requests that name none.
    init(_ request: GenerationRequest, text: TextSide, fallback: ReasoningMode) {
        let asked = Self.asked(request, text)
        // Tokens are the caller's own: a worker's default cannot change them.
        let isText = if case .messages = request.prompt { true } else { false }
        let effective = text.kind.effectiveMode(requested: asked ?? (isText ? fallback : .thinking))
        // A hybrid that may not think a single token answers at once: its template writes an empty thought.
        if isText, request.thinkingTokenBudget == 0, text.kind == .hybrid {
            mode = .nonThinking
            warning = nil
            return
        }
        mode = effective
        warning = asked.flatMap {
            $0 == effective
                ? nil : "the model has no \($0.rawValue) mode: the job ran in \(effective.rawValue) mode"
        }
    }

    /// Mode that the request sets by a parameter, a soft switch or its tokens; nil when it sets none.
    private static func asked(_ request: GenerationRequest, _ text: TextSide) -> ReasoningMode? {
        if let mode = request.mode { return mode }
        return switch request.prompt {
        case .messages(let messages): SoftSwitch.mode(in: messages)
        case .text: request.embedding == nil ? nil : .nonThinking
        case .tokens(let ids): text.tags.leavesClosed(ids, text.tokenizer) ? .nonThinking : nil
        }
    }
}
