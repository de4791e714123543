import MoedCore

/// Qwen3's soft switches: `/think` and `/no_think` in user or system messages. The last one counts.
enum SoftSwitch {
    /// Mode that the messages set; nil when they contain no switch.
    ///
    /// Used only when the request leaves `enable_thinking` open. The mode then sets `enable_thinking`, so the model
    /// spends no tokens on an empty thinking block.
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
