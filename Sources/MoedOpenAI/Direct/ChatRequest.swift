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
        let stream = try StreamOptions(takenFrom: &body)
        isStreamed = stream.isOn
        showsUsage = stream.showsUsage
        self.body = JSONValue.object(body).serialized()
    }
}
