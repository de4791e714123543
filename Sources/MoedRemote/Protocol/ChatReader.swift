import MoedCore

/// Reads the response to one streamed chat completion: text, thinking text and counts are the endpoint's word.
package struct ChatReader: Sendable {
    package enum Signal: Sendable, Equatable {
        /// Text arrived.
        case progressed
        case ended(Ending)
    }

    /// Bytes of text for each token that was asked for. Text has about 4.
    private static let bytesPerToken = 64
    private static let bytesLeast = 1 << 20

    private let bytesMax: Int
    private var chunks = ChunkReader()
    private var finish: Ending.Finish?
    private var hasEnded = false
    package private(set) var text = ""
    package private(set) var reasoning = ""
    /// Last counts that the server told.
    package private(set) var usage: ReportedUsage?
    /// True once an event of the stream has arrived.
    package private(set) var hasBegun = false

    package init(tokensMax: Int) {
        let (bytes, isBeyond) = max(0, tokensMax).multipliedReportingOverflow(by: Self.bytesPerToken)
        bytesMax = isBeyond ? .max : max(Self.bytesLeast, bytes)
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
        return finished() ?? .broken(.stalled(hasBegun: hasBegun))
    }

    private mutating func end(_ ending: Ending) -> Signal {
        hasEnded = true
        return .ended(ending)
    }

    private mutating func take(_ part: StreamChunk.Part) -> [Signal] {
        hasBegun = true
        if let usage = part.usage { self.usage = usage }
        text += part.text
        reasoning += part.reasoning
        if text.utf8.count > bytesMax || reasoning.utf8.count > bytesMax {
            return [end(.broken(.tooLarge("more text than max_tokens allows")))]
        }
        var signals: [Signal] = part.text.isEmpty && part.reasoning.isEmpty ? [] : [.progressed]
        guard let reason = part.finishReason else { return signals }
        switch (Ending.Finish(rawValue: reason), reason) {
        case (let finish?, _): self.finish = finish
        case (nil, "content_filter"): signals.append(end(.broken(.contentFilter)))
        case (nil, _): signals.append(end(.broken(.foreignFinish(String(reason.prefix(40))))))
        }
        return signals
    }

    private func finished() -> Ending? { finish.map { .finished($0, usage: usage) } }
}
