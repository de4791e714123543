import MoedCore

/// The text of one choice, separated into thinking and answer and cut at the first stop string in the answer.
struct OutputText: Sendable {
    private var thinkingStream: any TokenTextStream
    private var answerStream: any TokenTextStream
    private var thinking = ""
    private var answer: [UInt8] = []
    private var hasThinking = false
    private let stops: StopStrings
    private let includesStop: Bool
    private var matched: StopStrings.Matched
    private var cutAt: Int?
    /// The text that ended the answer.
    private(set) var stop: String?
    /// True when the last token of the answer was a line feed that belongs to the format.
    private(set) var isLeading = false
    /// Bytes of the answer, those after a stop string included.
    var answerCount: Int { answer.count }
    /// Bytes of the finished answer.
    var contentCount: Int { cutAt ?? answer.count }

    /// - Parameter includesStop: true keeps the stop string in the answer.
    init(stops: StopStrings, includesStop: Bool = false, makeTextStream: () -> any TokenTextStream) {
        thinkingStream = makeTextStream()
        answerStream = makeTextStream()
        self.stops = stops
        self.includesStop = includesStop
        matched = stops.start
    }

    /// Adds a token's text. Returns true when a stop string is complete.
    ///
    /// - Parameter mayStop: false takes no stop string that ends within this token.
    mutating func append(_ token: TokenID, as role: ThinkingTracker.Role, mayStop: Bool = true) -> Bool {
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
            appendAnswer(answerStream.append(token), mayStop: mayStop)
        }
        return cutAt != nil
    }

    private mutating func appendAnswer(_ text: String, mayStop: Bool = true) {
        isLeading = false
        let whole = text
        var text = Substring(whole)
        // The empty line after the thinking belongs to the format: a stop string must not match it.
        if hasThinking, answer.isEmpty { text = text.drop { $0 == "\n" } }
        isLeading = text.isEmpty && !whole.isEmpty
        guard !text.isEmpty else { return }
        for byte in text.utf8 {
            answer.append(byte)
            guard let length = stops.take(byte, &matched), mayStop else { continue }
            let start = answer.count - length
            guard start < (cutAt ?? .max) else { continue }
            stop = String(decoding: answer[start...], as: UTF8.self)
            cutAt = includesStop ? answer.count : start
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
