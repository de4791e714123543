package import MoedCore

/// A request whose client waits: the bodies that the queue runs, and the form of the answer.
package struct DirectRequest: Sendable, Equatable {
    /// Endpoints that answer directly.
    package enum Kind: Sendable, Equatable, CaseIterable { case chat, completions, responses, embeddings }

    /// The form of the answer.
    enum Form: Sendable, Equatable {
        case chat(showsUsage: Bool)
        case completion(showsUsage: Bool)
        case response(ResponseFrame)
        case embeddings(EmbeddingsRequest.Encoding)
    }

    /// Bodies of the jobs, in the order of the prompts.
    package var bodies: [String]
    package var isStreamed: Bool
    let form: Form

    package init(_ kind: Kind, _ bytes: [UInt8]) throws(APIError) {
        switch kind {
        case .chat:
            let request = try ChatRequest(bytes)
            bodies = [request.body]
            isStreamed = request.isStreamed
            form = .chat(showsUsage: request.showsUsage)
        case .completions:
            let request = try CompletionRequest(bytes)
            bodies = request.bodies
            isStreamed = request.stream.isOn
            form = .completion(showsUsage: request.stream.showsUsage)
        case .responses:
            let request = try ResponseRequest(bytes)
            bodies = [request.body]
            isStreamed = request.isStreamed
            form = .response(request.frame)
        case .embeddings:
            let request = try EmbeddingsRequest(bytes)
            bodies = request.bodies
            isStreamed = false
            form = .embeddings(request.encoding)
        }
    }

    /// The answer, from the `chat.completion` objects of the jobs, or from their lists of one embedding.
    package func object(_ completions: [JSONValue]) -> JSONValue {
        switch form {
        case .chat: completions.first ?? .null
        case .completion: TextCompletion.object(completions)
        case .response(let frame): frame.object(completions.first ?? .null)
        case .embeddings(let encoding): EmbeddingList.object(completions, encoding)
        }
    }

    /// Events that begin a stream, before the answer is there.
    ///
    /// - Parameters:
    ///   - job: number of the first job.
    ///   - createdAt: Unix seconds.
    package func opening(job: JobID, createdAt: Int64) -> [String] {
        guard case .response(let frame) = form else { return [] }
        return ResponseEvents.opening(frame, job: job, createdAt: createdAt)
    }

    /// The events of the answer.
    package func events(_ completions: [JSONValue]) -> [String] {
        switch form {
        case .chat(let showsUsage): ChatChunks.events(completions.first ?? .null, showsUsage: showsUsage)
        case .completion(let showsUsage): TextCompletion.events(completions, showsUsage: showsUsage)
        case .response(let frame): ResponseEvents.events(frame, completions.first ?? .null)
        case .embeddings: []
        }
    }

    /// The event of an error that comes after the stream has begun.
    package func event(_ error: APIError) -> String {
        if case .response = form { ResponseEvents.event(error) } else { ChatChunks.event(error) }
    }
}

/// The members `stream` and `stream_options` of a body.
struct StreamOptions: Sendable, Equatable {
    var isOn = false
    /// True when the last chunk of a stream carries the usage.
    var showsUsage = false

    /// Takes the members out of a body.
    init(takenFrom body: inout JSONObject) throws(APIError) {
        switch body["stream"] ?? .null {
        case .bool(let value): isOn = value
        case .null: break
        default: throw .invalid("stream must be true or false", param: "stream")
        }
        switch body["stream_options"] ?? .null {
        case .object(let options): showsUsage = options["include_usage"]?.bool ?? false
        case .null: break
        default: throw .invalid("stream_options must be an object", param: "stream_options")
        }
        body["stream"] = nil
        body["stream_options"] = nil
    }
}
