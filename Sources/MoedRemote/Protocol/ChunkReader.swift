import MoedCore

/// Reads the response to a streamed request as chunks, and its end. Both levels of the API share it.
struct ChunkReader: Sendable {
    enum Item: Sendable, Equatable {
        case part(StreamChunk.Part)
        /// The end, unless a `finish_reason` came before; see `isConclusive`.
        case over(Ending)
    }

    /// Maximum size of the body of an error.
    private static let errorBytesMax = 64 << 10

    private var parser = EventStreamParser()
    private var head: ResponseHead?
    /// Body of an error, or of a response that is no stream.
    private var body: [UInt8] = []

    /// Takes the next part of the response. Nothing after `over` counts.
    mutating func take(_ event: TransportEvent) -> [Item] {
        switch event {
        case .head(let head):
            self.head = head
            return []
        case .bytes(let bytes): return read(bytes)
        case .ended: return [.over(atEndOfBody())]
        case .failed(.unreachable(let reason)) where head == nil: return [.over(.unreachable(reason))]
        case .failed(.insecure(let reason)): return [.over(.insecure(reason))]
        case .failed: return [.over(.broken(.cut))]
        }
    }

    private var isStream: Bool {
        head?.status == 200 && (head?.contentType ?? "").hasPrefix("text/event-stream")
    }

    private mutating func read(_ bytes: [UInt8]) -> [Item] {
        guard isStream else {
            body += bytes.prefix(max(0, Self.errorBytesMax - body.count))
            return []
        }
        let events: [[UInt8]]
        do throws(EventStreamParser.Failure) { events = try parser.append(bytes) } catch {
            return [.over(.broken(.tooLarge("an event has more than \(EventStreamParser.eventBytesMax) bytes")))]
        }
        return events.map { event in
            switch StreamChunk(event) {
            case .done: .over(.broken(.cut))
            case .error(let error): .over(.broken(.serverError(error)))
            case .malformed(let reason): .over(.broken(.malformed(reason)))
            case .part(let part): .part(part)
            }
        }
    }

    private func atEndOfBody() -> Ending {
        guard let head else { return .broken(.cut) }
        if isStream { return .broken(.cut) }
        if head.status == 200 {
            if let value = try? JSONValue(parsing: body), let error = ServerError(value) {
                return .broken(.serverError(error))
            }
            return .broken(.malformed("the answer is no stream of events"))
        }
        return .status(head.status, ServerError(body: body), retryAfter: head.retryAfter)
    }
}

extension Ending {
    /// False for ends of a stream that mean nothing after a `finish_reason`.
    var isConclusive: Bool {
        switch self {
        case .broken(.cut), .broken(.serverError): false
        default: true
        }
    }
}
