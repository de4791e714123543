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
    /// Thinking tokens of each `reasoning_effort`; one that is not named has no limit.
    package var effortBudgets: [String: Int] = ["minimal": 512, "low": 2048, "medium": 8192]
    /// Computing time of one rendering of the chat template.
    package var templateTime = TemplateLimits().time

    /// True where moed reads the logits itself. Engines elsewhere take no masks and give no reports, so requests for
    /// them are refused there.
    package var readsLogits = true

    /// Tasks keep the request's messages, for endpoints at the level of chats.
    package var keepsMessages = false

    package init() {}

    var templateLimits: TemplateLimits {
        var limits = TemplateLimits()
        limits.time = templateTime
        return limits
    }

    private var efforts: [(String, JSONValue)] {
        effortBudgets.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) }
    }

    /// Part of a runner's origin: choices on which tokens depend.
    package var origin: JSONObject {
        JSONObject([
            ("reasoning", .string(mode.rawValue)), ("control_tokens", .string(controlTokens.rawValue)),
            ("answer_reserve", .integer(Int64(answerReserve))),
            ("efforts", .object(JSONObject(efforts))),
        ])
    }
}
