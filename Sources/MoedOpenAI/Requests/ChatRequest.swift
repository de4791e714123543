import MoedCore

/// The body of `POST /v1/chat/completions`, split into what the queue runs and how the answer is sent.
package struct ChatRequest: Sendable, Equatable {
    /// The body without `stream` and `stream_options`.
    package var body: String
    package var isStreamed: Bool
    /// True when the last chunk of a stream carries the usage.
    package var showsUsage: Bool

    package init(_ bytes: [UInt8]) throws(APIError) {
        var body = try RequestBody.object(bytes)
        switch body["stream"] ?? .null {
        case .bool(let value): isStreamed = value
        case .null: isStreamed = false
        default: throw .invalid("stream must be true or false", param: "stream")
        }
        switch body["stream_options"] ?? .null {
        case .object(let options): showsUsage = options["include_usage"]?.bool ?? false
        case .null: showsUsage = false
        default: throw .invalid("stream_options must be an object", param: "stream_options")
        }
        body["stream"] = nil
        body["stream_options"] = nil
        self.body = JSONValue.object(body).serialized()
    }
}
