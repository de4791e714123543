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
            if let mode = lastSwitch(in: content) { return mode }
        }
        return nil
    }

    /// Reads the words from the end. Only the letters of one word are kept.
    private static func lastSwitch(in content: String) -> ReasoningMode? {
        let lettersMax = "/no_think".count
        var word = String.UnicodeScalarView()
        var letters = 0
        func mode() -> ReasoningMode? {
            switch String(String.UnicodeScalarView(word.reversed())) {
            case "/no_think": .nonThinking
            case "/think": .thinking
            default: nil
            }
        }
        for scalar in content.unicodeScalars.reversed() {
            if scalar.properties.isWhitespace {
                if letters <= lettersMax, let mode = mode() { return mode }
                word.removeAll(keepingCapacity: true)
                letters = 0
            } else {
                letters += 1
                if letters <= lettersMax { word.append(scalar) }
            }
        }
        return letters <= lettersMax ? mode() : nil
    }
}
