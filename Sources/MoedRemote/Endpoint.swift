/// An engine that exists elsewhere and speaks OpenAI's API.
package struct Endpoint: Sendable, Equatable {
    /// Part of the API that moed uses.
    package enum API: String, Sendable, CaseIterable {
        /// Token ids to `/completions` and back. moed renders, tokenises, ends the thinking and counts.
        case tokens
        /// Messages to `/chat/completions`, text and `usage` back.
        case chat
    }

    /// Name in logs, tables and metrics.
    package var name: String
    package var api: API
    /// Name of the model at the endpoint.
    package var model: String
    /// Maximum number of requests in flight; nil lets moed find it.
    package var maxInFlight: Int?

    package init(name: String, api: API, model: String, maxInFlight: Int? = nil) {
        self.name = name
        self.api = api
        self.model = model
        self.maxInFlight = maxInFlight
    }
}
