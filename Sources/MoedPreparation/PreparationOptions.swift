package import MoedCore
import MoedText

/// Reading of control tokens, such as `<|im_end|>`, in the content of messages.
package enum ControlTokens: String, Sendable, CaseIterable {
    /// They are ordinary text: a document cannot open a new turn.
    case text
    /// They are control tokens, as in transformers.
    case transformers
}

/// A worker's choices for requests that leave them open.
package struct PreparationOptions: Sendable, Equatable {
    /// Mode of requests that name none.
    package var mode = ReasoningMode.thinking
    /// Number of tokens that thinking must leave to the answer; 0 reserves none.
    package var answerReserve = 256
    package var controlTokens = ControlTokens.text
    /// Computing time of one rendering of the chat template.
    package var templateTime = TemplateLimits().time

    /// Constraints of answers are enforced. Engines elsewhere take no masks, so there they are refused.
    package var enforcesConstraints = true

    /// Tasks keep the request's messages, for endpoints at the level of chats.
    package var keepsMessages = false

    package init() {}

    var templateLimits: TemplateLimits {
        var limits = TemplateLimits()
        limits.time = templateTime
        return limits
    }

    /// Part of a runner's origin: choices on which tokens depend.
    package var origin: JSONObject {
        JSONObject([
            ("reasoning", .string(mode.rawValue)), ("control_tokens", .string(controlTokens.rawValue)),
            ("answer_reserve", .integer(Int64(answerReserve))),
        ])
    }
}
