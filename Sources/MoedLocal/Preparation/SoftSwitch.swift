import MoedCore

/// Qwen3's soft switches: `/think` and `/no_think` in user or system messages, the last one counts.
enum SoftSwitch {
    /// The mode the messages ask for; nil when they contain no switch.
    ///
    /// Only consulted when the request leaves `enable_thinking` open. The switch is then turned into the hard one,
    /// which makes the model skip its thinking without spending tokens on an empty block.
    static func mode(in messages: [JSONValue]) -> ReasoningMode? {
        for message in messages.reversed() {
            guard let role = message["role"]?.string, role == "user" || role == "system",
                let content = message["content"]?.string
            else { continue }
            let words = content.split(whereSeparator: \.isWhitespace)
            for word in words.reversed() {
                if word == "/no_think" { return .nonThinking }
                if word == "/think" { return .thinking }
            }
        }
        return nil
    }
}
