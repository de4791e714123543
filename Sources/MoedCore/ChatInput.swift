/// Parts of a request that go to an endpoint at the level of chats as they are.
package struct ChatInput: Sendable, Equatable {
    package var messages: [JSONValue]
    /// True in thinking mode.
    package var thinks: Bool
    /// `thinking_token_budget` of the request.
    package var budget: Int?
    /// Field that only moed's own template and stop rules obey; nil when the request has none.
    package var ownField: String?

    package init(messages: [JSONValue], thinks: Bool, budget: Int?, ownField: String?) {
        (self.messages, self.thinks, self.budget, self.ownField) = (messages, thinks, budget, ownField)
    }
}
