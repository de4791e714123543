import MoedCore
import MoedText

/// Thinking modes that a checkpoint's chat template offers. Rendering the template determines the kind, not the model's
/// name.
package enum TemplateKind: String, Sendable {
    /// `enable_thinking` changes the prompt (Qwen3 hybrids, the sample model).
    case hybrid
    /// Every prompt ends with an open `<think>` (Thinking-2507).
    case thinkingOnly = "thinking_only"
    /// `enable_thinking` changes nothing, and no prompt ends with an open `<think>` (Instruct-2507, Coder).
    case nonThinkingOnly = "non_thinking_only"

    /// Determines the kind: renders one user turn with `enable_thinking` on and off.
    static func probe(_ template: ChatTemplate, _ tags: ThinkTags) throws(TextError) -> TemplateKind {
        guard tags.closeID != nil else { return .nonThinkingOnly }
        let messages: JSONValue = [["role": "user", "content": "x"]]
        func render(_ enabled: Bool) throws(TextError) -> String {
            try template.render(
                messages: messages, tools: nil,
                variables: JSONObject([("add_generation_prompt", true), ("enable_thinking", .bool(enabled))]))
        }
        let (on, off) = (try render(true), try render(false))
        if tags.leavesOpen(off) { return .thinkingOnly }
        return on == off ? .nonThinkingOnly : .hybrid
    }

    /// Mode in which a job runs when its request sets `requested`.
    func effectiveMode(requested: ReasoningMode) -> ReasoningMode {
        switch self {
        case .hybrid: requested
        case .thinkingOnly: .thinking
        case .nonThinkingOnly: .nonThinking
        }
    }
}

/// Token ids of the thinking tags, from the tokenizer: they differ between Qwen3, Qwen3.5 and the sample model.
package struct ThinkTags: Sendable, Equatable {
    static let open = "<think>"
    static let close = "</think>"
    /// Qwen's recipe for a thinking budget (Qwen3 documentation, "Thinking Budget").
    static let earlyStopText =
        "\n\nConsidering the limited time by the user, I have to give the solution based on the thinking "
        + "directly now.\n</think>\n\n"

    let openID: TokenID?
    let closeID: TokenID?
    let earlyStop: [TokenID]
    /// Ends thinking where the recipe's text is too long.
    let shortStop: [TokenID]
    /// The empty thought that the hybrids' template writes when thinking is off.
    let emptyThought: [TokenID]

    init(_ tokenizer: Tokenizer) {
        openID = tokenizer.id(of: Self.open)
        closeID = tokenizer.id(of: Self.close)
        earlyStop = tokenizer.encode(Self.earlyStopText)
        shortStop = tokenizer.encode("\n\(Self.close)\n\n")
        emptyThought = tokenizer.encode("\(Self.open)\n\n\(Self.close)\n\n")
    }

    /// True when a rendered prompt ends inside a thinking block.
    func leavesOpen(_ prompt: String) -> Bool {
        var rest = prompt[...]
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return rest.hasSuffix(Self.open)
    }

    /// True when a tokenised prompt ends inside a thinking block: `<think>` followed by nothing but white space.
    func leavesOpen(_ prompt: [TokenID], _ tokenizer: Tokenizer) -> Bool {
        guard let openID, let last = prompt.lastIndex(of: openID) else { return false }
        return tokenizer.decode(prompt[(last + 1)...]).allSatisfy(\.isWhitespace)
    }

    /// True when the last tag of a tokenised prompt opens a thinking block.
    func isInThought(_ prompt: [TokenID]) -> Bool {
        guard let openID, let last = prompt.lastIndex(where: { $0 == openID || $0 == closeID }) else { return false }
        return prompt[last] == openID
    }

    /// True when a prompt ends with a closed thinking block: `</think>` followed by nothing but white space. Templates
    /// write it for the mode without thinking.
    func leavesClosed(_ prompt: [TokenID], _ tokenizer: Tokenizer) -> Bool {
        guard let closeID, let last = prompt.lastIndex(of: closeID) else { return false }
        return tokenizer.decode(prompt[(last + 1)...]).allSatisfy(\.isWhitespace)
    }
}
