package import MoedCore

/// Counts of a sequence's tokens, for penalties.
package struct TokenHistory: Sendable {
    /// Times each token was generated.
    private var generated: [TokenID: Int32] = [:]
    private var prompt: Set<TokenID> = []

    package init() {}

    package mutating func append(_ token: TokenID, inPrompt: Bool) {
        if inPrompt { prompt.insert(token) } else { generated[token, default: 0] += 1 }
    }

    /// True when the parameters have an effect that depends on the past.
    package static func isNeeded(by parameters: SamplingParameters) -> Bool {
        parameters.repetitionPenalty != 1 || parameters.presencePenalty != 0
            || parameters.frequencyPenalty != 0
    }

    /// Applies repetition (Keskar et al., 2019: prompt and output), then frequency and presence (OpenAI:
    /// output only).
    ///
    /// Each token's logit is changed on its own, so the order in which a set gives its tokens does not
    /// matter.
    func penalise(_ logits: inout MutableSpan<Float>, _ parameters: SamplingParameters) {
        guard Self.isNeeded(by: parameters) else { return }
        let penalty = Float(parameters.repetitionPenalty)
        func repeated(_ logit: Float) -> Float { logit > 0 ? logit / penalty : logit * penalty }
        for token in prompt where generated[token] == nil && Int(token) < logits.count {
            logits[Int(token)] = repeated(logits[Int(token)])
        }
        for (token, count) in generated where Int(token) < logits.count {
            var logit = repeated(logits[Int(token)])
            logit -= Float(count) * Float(parameters.frequencyPenalty)
            logit -= Float(parameters.presencePenalty)
            logits[Int(token)] = logit
        }
    }
}
