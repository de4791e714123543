package import MoedCore

/// Reads the response to one streamed completion at the token level.
///
/// Each event is checked before its tokens count: ids of the prompt, size of the vocabulary, reported counts.
package struct SegmentReader: Sendable {
    package enum Signal: Sendable, Equatable {
        case tokens([TokenID])
        case ended(Ending)
    }

    /// Maximum size of the body of an error.
    private static let errorBytesMax = 64 << 10

    private let prompt: [TokenID]
    package let tokensMax: Int
    /// True when the prompt is the job's own, without output tokens.
    package let isFirst: Bool
    private let vocabularySize: Int
    private var parser = EventStreamParser()
    private var head: ResponseHead?
    /// Body of an error, or of a response that is no stream.
    private var body: [UInt8] = []
    /// Number of tokens received.
    package private(set) var count = 0
    private var finish: Ending.Finish?
    private var usage: ReportedUsage?
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
        guard !hasEnded else { return [] }
        switch event {
        case .head(let head):
            self.head = head
            return []
        case .bytes(let bytes): return read(bytes)
        case .ended: return [end(atEndOfBody())]
        case .failed(.unreachable(let reason)) where head == nil: return [end(.unreachable(reason))]
        case .failed(.insecure(let reason)): return [end(.insecure(reason))]
        case .failed: return [end(finished() ?? .broken(.cut))]
        }
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

    private var isStream: Bool {
        head?.status == 200 && (head?.contentType ?? "").hasPrefix("text/event-stream")
    }

    private mutating func read(_ bytes: [UInt8]) -> [Signal] {
        guard isStream else {
            body += bytes.prefix(max(0, Self.errorBytesMax - body.count))
            return []
        }
        let events: [[UInt8]]
        do throws(EventStreamParser.Failure) { events = try parser.append(bytes) } catch {
            return [end(.broken(.tooLarge("an event has more than \(EventStreamParser.eventBytesMax) bytes")))]
        }
        var signals: [Signal] = []
        for event in events where !hasEnded { signals += take(StreamChunk(event)) }
        return signals
    }

    private mutating func take(_ chunk: StreamChunk) -> [Signal] {
        switch chunk {
        case .done: [end(finished() ?? .broken(.cut))]
        case .error(let error): [end(finished() ?? .broken(.serverError(error)))]
        case .malformed(let reason): [end(.broken(.malformed(reason)))]
        case .part(let part): take(part)
        }
    }

    private mutating func take(_ part: StreamChunk.Part) -> [Signal] {
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

    private func atEndOfBody() -> Ending {
        guard let head else { return .broken(.cut) }
        if isStream { return finished() ?? .broken(.cut) }
        if head.status == 200 {
            if let value = try? JSONValue(parsing: body), let error = ServerError(value) {
                return .broken(.serverError(error))
            }
            return .broken(.malformed("the answer is no stream of events"))
        }
        return .status(head.status, ServerError(body: body), retryAfter: head.retryAfter)
    }
}
