package import MoedCore

/// Reads the response to one streamed completion at the token level.
///
/// Each event is checked before its tokens count: ids of the prompt, size of the vocabulary, reported counts.
package struct SegmentReader: Sendable {
    package enum Signal: Sendable, Equatable {
        case tokens([TokenID])
        case ended(Ending)
    }

    package let prompt: [TokenID]
    package let tokensMax: Int
    /// True when the prompt is the job's own, without output tokens.
    package let isFirst: Bool
    private let vocabularySize: Int
    private var chunks = ChunkReader()
    /// Number of tokens received.
    package private(set) var count = 0
    private var finish: Ending.Finish?
    /// Last counts that the server told.
    package private(set) var usage: ReportedUsage?
    /// True once an event of the stream has arrived.
    package private(set) var hasBegun = false
    private var hasEnded = false
    /// True while each event with tokens has told the count so far: the tokens are proven before the stream ends.
    package private(set) var isProven = true
    /// Cached tokens of the prompt; nil when the server has not told them.
    package var cached: Int? { usage?.cached }
    /// True once a `finish_reason` has arrived: the stream ends by itself, and its usage may follow.
    package var hasFinish: Bool { finish != nil }

    /// - Parameters:
    ///   - prompt: tokens that were sent.
    ///   - tokensMax: number of tokens that were asked for.
    ///   - isFirst: true when the prompt is the job's own, without output tokens.
    package init(prompt: [TokenID], tokensMax: Int, vocabularySize: Int, isFirst: Bool = true) {
        self.prompt = prompt
        self.tokensMax = tokensMax
        self.vocabularySize = vocabularySize
        self.isFirst = isFirst
    }

    /// Takes the next part of the response. After `ended` nothing more is signalled.
    package mutating func take(_ event: TransportEvent) -> [Signal] {
        var signals: [Signal] = []
        for item in chunks.take(event) where !hasEnded {
            switch item {
            case .part(let part): signals += take(part)
            case .over(let ending): signals.append(end(ending.isConclusive ? ending : finished() ?? ending))
            }
        }
        return signals
    }

    /// Ends the reading without a further event, as by a timeout.
    package mutating func stall() -> Ending {
        hasEnded = true
        return finished() ?? .broken(.stalled(hasBegun: count > 0))
    }

    private mutating func end(_ ending: Ending) -> Signal {
        hasEnded = true
        return .ended(ending)
    }

    private mutating func take(_ part: StreamChunk.Part) -> [Signal] {
        hasBegun = true
        if let usage = part.usage { self.usage = usage }
        if let fault = fault(of: part) { return [end(.broken(fault))] }
        var signals: [Signal] = []
        if let tokens = part.tokens, !tokens.isEmpty {
            count += tokens.count
            if part.usage?.completion == nil { isProven = false }
            signals.append(.tokens(tokens))
        }
        if let reason = part.finishReason {
            switch (Ending.Finish(rawValue: reason), reason) {
            case (let finish?, _): self.finish = finish
            case (nil, "content_filter"): signals.append(end(.broken(.contentFilter)))
            case (nil, _): signals.append(end(.broken(.foreignFinish(String(reason.prefix(40))))))
            }
        }
        return signals
    }

    private func fault(of part: StreamChunk.Part) -> Ending.Break? {
        if let sent = part.promptTokens, sent != prompt {
            return .noTokens("it reads the prompt with other token ids")
        }
        guard let tokens = part.tokens, !tokens.isEmpty else {
            if !part.text.isEmpty, part.tokens == nil { return .noTokens("it returns no token ids") }
            return nil
        }
        if finish != nil { return .countsDiffer }
        if let foreign = tokens.first(where: { Int($0) >= vocabularySize }) {
            return .noTokens("token id \(foreign) is beyond the model's vocabulary of \(vocabularySize)")
        }
        if count + tokens.count > tokensMax + 1 { return .tooLarge("more tokens than max_tokens") }
        if let told = part.usage?.completion, told != count + tokens.count { return .countsDiffer }
        return nil
    }

    /// The good end of a stream with a `finish_reason`; nil without one.
    private func finished() -> Ending? {
        guard let finish else { return nil }
        if let told = usage?.completion, told != count { return .broken(.countsDiffer) }
        return .finished(finish, usage: usage)
    }
}
