/// The model's expectation at one place of a sequence, of its own distribution: before masks, bias, penalties and
/// temperature.
package struct TokenReport: Sendable, Equatable {
    package struct Alternative: Sendable, Equatable {
        package var id: TokenID
        /// Natural logarithm of its probability.
        package var logprob: Double

        package init(id: TokenID, logprob: Double) {
            self.id = id
            self.logprob = logprob
        }
    }

    /// The token at that place.
    package var token: Alternative
    /// 1 for the most probable token.
    package var rank: Int
    /// The most probable tokens, best first.
    package var top: [Alternative]
    /// The tokens that the constraint allows, best first, with their probabilities among each other.
    package var allowed: [Alternative]

    package init(token: Alternative, rank: Int = 1, top: [Alternative] = [], allowed: [Alternative] = []) {
        self.token = token
        self.rank = rank
        self.top = top
        self.allowed = allowed
    }
}

/// Reports that a step asks for. An engine answers them in order.
package struct ReportRequest: Sendable, Equatable {
    /// A row of the step, and the token that follows it; nil: the token that the engine samples.
    package struct Place: Sendable, Equatable {
        package var row: Int
        package var next: TokenID?
        /// Number of most probable tokens to list.
        package var top: Int
        /// Tokens allowed at that place, to be listed with their probabilities; nil lists none.
        package var allowed: AllowedTokens?

        package init(row: Int, next: TokenID?, top: Int, allowed: AllowedTokens? = nil) {
            self.row = row
            self.next = next
            self.top = top
            self.allowed = allowed
        }
    }

    package var places: [Place]

    /// Maximum number of allowed tokens that a report lists.
    package static let allowedMax = 512

    package init(_ places: [Place]) { self.places = places }
}

/// An engine's answer to a step.
package struct StepOutput: Sendable, Equatable {
    /// The sampled token; nil when the step does not sample or its logits are not finite.
    package var token: TokenID?
    /// Answers to the step's `ReportRequest`, in its order; empty when a logit is not finite.
    package var reports: [TokenReport]
    /// The last token's state after the final norm, of length 1; nil when the step asks for none or it is not finite.
    package var embedding: [Float]?

    package init(token: TokenID?, reports: [TokenReport] = []) {
        self.token = token
        self.reports = reports
    }
}
