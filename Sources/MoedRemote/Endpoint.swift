package import MoedCore

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
    /// Path of the member that switches thinking on and off at the level of chats; nil sends none.
    package var thinkingSwitch: [String]?
    /// Path of the member that takes a thinking budget at the level of chats; nil: jobs with a budget do not run there.
    package var thinkingBudget: [String]?
    package var trust = Trust.house
    /// Prices of the provider; nil when they are not configured.
    package var prices: TokenPrices?

    package init(name: String, api: API, model: String, maxInFlight: Int? = nil) {
        self.name = name
        self.api = api
        self.model = model
        self.maxInFlight = maxInFlight
    }
}
