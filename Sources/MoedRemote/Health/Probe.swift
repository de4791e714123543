package import MoedCore

/// A probe of an endpoint: does it answer, does it serve the model, and does it return token ids?
package struct Probe: Sendable {
    package enum Step: Sendable, Equatable {
        case send(TransportRequest)
        case good(EndpointFacts)
        case failed(Ending)
    }

    private enum Phase {
        case models
        case completion
    }

    private static let bodyBytesMax = 4 << 20

    private let endpoint: Int
    private let api: Endpoint.API
    private let model: String
    private let prompt: [TokenID]
    private let vocabularySize: Int
    private var phase = Phase.models
    private var head: ResponseHead?
    private var body: [UInt8] = []
    private var reader: SegmentReader
    private var facts = EndpointFacts()

    /// - Parameters:
    ///   - index: index of the endpoint.
    ///   - prompt: a few tokens to continue, at least one for the token level.
    package init(_ endpoint: Endpoint, index: Int, prompt: [TokenID], vocabularySize: Int) {
        self.endpoint = index
        api = endpoint.api
        model = endpoint.model
        self.prompt = prompt
        self.vocabularySize = vocabularySize
        reader = SegmentReader(prompt: prompt, tokensMax: 2, vocabularySize: vocabularySize)
    }

    /// The first request: the list of models.
    package var first: TransportRequest { TransportRequest(endpoint: endpoint, path: "/models") }

    /// Takes the next part of the present response. Returns nil while more is to come.
    package mutating func take(_ event: TransportEvent) -> Step? {
        switch phase {
        case .models: takeModels(event)
        case .completion: takeCompletion(event)
        }
    }

    private mutating func takeModels(_ event: TransportEvent) -> Step? {
        switch event {
        case .head(let head):
            self.head = head
            return nil
        case .bytes(let bytes):
            guard body.count + bytes.count <= Self.bodyBytesMax else {
                return .failed(.broken(.tooLarge("the list of models")))
            }
            body += bytes
            return nil
        case .failed(.unreachable(let reason)): return .failed(.unreachable(reason))
        case .failed(.insecure(let reason)): return .failed(.insecure(reason))
        case .failed(.cut): return .failed(.broken(.cut))
        case .ended: return models()
        }
    }

    private mutating func models() -> Step {
        guard let head else { return .failed(.broken(.cut)) }
        guard head.status == 200 else {
            // A provider without a list of models may still answer chats.
            if api == .chat, head.status == 404 { return .good(facts) }
            return .failed(.status(head.status, ServerError(body: body), retryAfter: head.retryAfter))
        }
        guard let value = try? JSONValue(parsing: body), let list = value["data"]?.array else {
            return .failed(.broken(.malformed("the list of models is no list")))
        }
        guard let entry = list.first(where: { $0["id"]?.string == model }) else {
            if api == .chat { return .good(facts) }
            return .failed(
                .status(404, ServerError(message: "no such model", code: "model_not_found"), retryAfter: nil))
        }
        let length = entry["max_model_len"]?.integer ?? entry["context_length"]?.integer
        facts.contextLength = length.flatMap { $0 > 0 ? $0 : nil }
        guard api == .tokens else { return .good(facts) }
        phase = .completion
        return .send(
            TransportRequest(
                endpoint: endpoint, path: "/completions", body: RequestBody.probe(prompt: prompt, model: model)))
    }

    private mutating func takeCompletion(_ event: TransportEvent) -> Step? {
        for signal in reader.take(event) {
            guard case .ended(let ending) = signal else { continue }
            guard case .finished = ending else { return .failed(ending) }
            guard reader.count > 0 else { return .failed(.broken(.noTokens("it returns no token ids"))) }
            facts.tellsCounts = reader.isProven
            facts.tellsCached = reader.cached != nil
            return .good(facts)
        }
        return nil
    }
}
