package import MoedCore

/// Chooses the next token from a row of logits: a pure function of logits, parameters, history and position.
package enum Sampler {
    /// - Parameters:
    ///   - logits: one per token that may be chosen; bias and penalties are applied to it in place.
    ///   - history: tokens seen so far; looked at only when a penalty is on.
    ///   - position: of the token to choose, counted from the first token of the prompt.
    package static func sample(
        _ logits: inout MutableSpan<Float>, _ parameters: SamplingParameters, history: TokenHistory,
        choice: Int,
        position: Int
    ) -> TokenID {
        for (token, bias) in parameters.logitBias where token >= 0 && Int(token) < logits.count {
            logits[Int(token)] += bias
        }
        history.penalise(&logits, parameters)
        guard parameters.temperature > 0 else { return greedy(logits.span) }
        let uniform = Philox.uniform(seed: parameters.seed, choice: choice, position: position)
        return TokenDraw(parameters, uniform: uniform).token(logits.span)
    }

    /// Takes tokens outside of the mask away from the choice.
    package static func restrict(_ logits: inout MutableSpan<Float>, to mask: TokenMask) {
        for word in 0..<(logits.count + 63) / 64 {
            let allowed = word < mask.words.count ? mask.words[word] : 0
            // Most words allow nothing, or inside of a string nearly everything.
            guard allowed != .max else { continue }
            let start = word * 64
            let end = min(start + 64, logits.count)
            if allowed == 0 {
                for index in start..<end { logits[index] = -Float.infinity }
            } else {
                for index in start..<end where allowed >> UInt64(index - start) & 1 == 0 {
                    logits[index] = -Float.infinity
                }
            }
        }
    }

    /// Takes some tokens away from the choice.
    package static func exclude(_ tokens: Set<TokenID>, from logits: inout MutableSpan<Float>) {
        for token in tokens where token >= 0 && Int(token) < logits.count { logits[Int(token)] = -Float.infinity }
    }

    /// The highest logit, ties by lower id; 0 when none is a number.
    package static func greedy(_ logits: Span<Float>) -> TokenID {
        var best = -Float.infinity
        var id = 0
        var start = 0
        while let index = LogitScan.first(above: best, in: logits, from: start) {
            best = logits[index]
            id = index
            start = index + 1
        }
        return TokenID(id)
    }
}
