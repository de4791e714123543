import MoedCore

/// The text of one choice, separated into thinking and answer and cut at the first stop string in the answer.
struct OutputText: Sendable {
    private var thinkingStream: any TokenTextStream
    private var answerStream: any TokenTextStream
    private var thinking = ""
    private var answer: [UInt8] = []
    private var hasThinking = false
    private let stops: StopStrings
    private var matched: StopStrings.Matched
    private var cutAt: Int?

    init(stops: StopStrings, makeTextStream: () -> any TokenTextStream) {
        thinkingStream = makeTextStream()
        answerStream = makeTextStream()
        self.stops = stops
        matched = stops.start
    }

    /// Adds a token's text. Returns true when a stop string is complete.
    mutating func append(_ token: TokenID, as role: ThinkingTracker.Role) -> Bool {
        switch role {
        case .tag:
            hasThinking = true
        case .thinking:
            hasThinking = true
            thinking += thinkingStream.append(token)
        case .lateClose:
            hasThinking = true
            appendAnswer(answerStream.finish())
            thinking = String(decoding: answer, as: UTF8.self)
            answer = []
            matched = stops.start
        case .answer:
            appendAnswer(answerStream.append(token))
        }
        return cutAt != nil
    }

    private mutating func appendAnswer(_ text: String) {
        var text = Substring(text)
        // The empty line after the thinking belongs to the format: a stop string must not match it.
        if hasThinking, answer.isEmpty { text = text.drop { $0 == "\n" } }
        guard !text.isEmpty else { return }
        for byte in text.utf8 {
            answer.append(byte)
            guard let length = stops.take(byte, &matched) else { continue }
            cutAt = min(cutAt ?? .max, answer.count - length)
        }
    }

    /// Returns the finished texts. Line feeds around the thinking belong to the format and are removed.
    mutating func finish() -> (content: String, reasoning: String?) {
        thinking += thinkingStream.finish()
        if cutAt == nil { appendAnswer(answerStream.finish()) }
        let content = String(decoding: answer[..<(cutAt ?? answer.count)], as: UTF8.self)
        guard hasThinking else { return (content, nil) }
        var reasoning = Substring(thinking).drop { $0 == "\n" }
        while reasoning.last == "\n" { reasoning.removeLast() }
        return (content, String(reasoning))
    }
}
